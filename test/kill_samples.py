# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Child processes that tests start, and some kill: forked from a server that has imported what is slow to import."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from madm_model.jobs.request import JobFolder, JobRequest
from madm_model.store import VersionStore
from madm_model.store.version import fault

_PRELOADED = ["pytest", "madm_model.jobs.job", "madm_ros.segmentation.node"]


def start_child(target: Callable[..., object], *arguments: Any) -> BaseProcess:
    """Run a function of a test module in a child; returns when it is about to be called."""
    context = get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)  # where ROS is not installed, the last one is left out
    begun = context.Event()
    child = context.Process(target=_announce, args=(begun, target, *arguments))
    child.start()
    assert begun.wait(120)
    return child


def kill_after(child: BaseProcess, seconds: float) -> bool:
    """SIGKILL it after a while; False if it had ended before."""
    time.sleep(seconds)
    child.kill()  # does nothing where it has ended
    child.join()
    return child.exitcode == -signal.SIGKILL


def run_job(store_root: Path, job_id: str) -> None:
    """A job as its process runs it; for `start_child`."""
    import torch

    from madm_model.jobs.job import AdaptationJob

    torch.set_num_threads(1)
    AdaptationJob(store_root, job_id, lambda event: None, lambda: False).run()


def kill_jobs(
    store: VersionStore, request: JobRequest, kills: int, seed: int, after_each: Callable[[], object] = lambda: None
) -> str:
    """Run jobs and kill them at random moments, the store valid each time; one that was not done is run again.

    Args:
        store: gets their versions.
        request: of every job; the gate lets its version pass.
        kills: how many processes are killed.
        seed: of the moments.
        after_each: called after every process.

    Returns:
        id of the job that was left, empty if the last one was done.
    """
    moments = random.Random(seed)
    job_id, killed = "", 0
    while killed < kills:
        job_id = job_id or JobFolder.create(store.root, request).job_id
        killed += kill_after(start_child(run_job, store.root, job_id), moments.uniform(0, 1.8))
        snapshot = store.read()
        assert snapshot.note == ""
        assert all(fault(store.folder(name), with_checksums=True) == "" for name in snapshot.versions[1:])
        if JobFolder(store.root, job_id).state().state == "activated":
            assert store.info(snapshot.active).job_id == job_id
            job_id = ""
        after_each()
    return job_id


def _announce(begun: Any, target: Callable[..., object], *arguments: Any) -> None:
    begun.set()
    target(*arguments)
