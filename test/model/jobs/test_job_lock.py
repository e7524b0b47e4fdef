# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One job runs on a store, and only that one is told to stop."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading

import pytest
from adaptation_samples import Run
from kill_samples import run_job, start_child

from madm_model.jobs.lock import (
    JobRuns,
    RunningJob,
    refuse_second_job,
    running_job,
    stop_running_job,
    the_one_job,
)
from madm_model.jobs.request import RequestError


def test_only_one_job_runs_on_a_store(store, request_) -> None:
    run = Run(store, request_)
    assert running_job(store.root) is None
    with the_one_job(store.root, "another"):
        assert running_job(store.root) == RunningJob("another", os.getpid())
        with pytest.raises(JobRuns, match="job another is running"):
            refuse_second_job(store.root)
        assert run() == "failed"
        assert run.of("state")[-1]["message"] == "job another is running: wait for its end, or cancel it"
    assert running_job(store.root) is None
    with the_one_job(store.root, "b"):  # a shorter line than the one before
        assert running_job(store.root) == RunningJob("b", os.getpid())


def test_a_job_that_runs_already_is_left_alone_by_a_second_process(store, request_) -> None:
    run = Run(store, request_)
    half_read = run.folder.path / "target" / "frames.bin"

    def intrude(event: dict) -> None:
        if event["message"] == "reading the recordings":
            half_read.parent.mkdir()
            half_read.write_bytes(b"half of the frames")
            second = Run(store, job_id=run.folder.job_id)
            assert second() == "failed"
            assert "is running: wait for its end" in second.of("state")[-1]["message"]
            assert (run.folder.state().state, half_read.exists()) == ("preparing", True)

    run.on_state = intrude
    assert run() == "activated"


def test_only_the_process_that_has_the_lock_is_told_to_stop(store, request_) -> None:
    run = Run(store, request_)
    assert not stop_running_job(store.root)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        with the_one_job(store.root, run.folder.job_id):
            (store.root / "jobs" / ".running").write_text(f"{run.folder.job_id} {stranger.pid}")
            with pytest.raises(RequestError, match=f"process {stranger.pid}, which cannot be reached from here"):
                stop_running_job(store.root)
        assert stranger.poll() is None
        stranger.kill()
    child = start_child(run_job, store.root, run.folder.job_id)
    while not stop_running_job(store.root):
        assert child.is_alive()
    child.join()
    assert child.exitcode == -signal.SIGTERM  # one that does not listen to it, as `main` does


def test_a_lock_that_no_job_has_is_one_clear_error(store, request_) -> None:
    run = Run(store, request_)
    path = store.root / "jobs" / ".running"
    path.touch()
    with path.open() as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH)
        assert run() == "failed"
    assert ".running is locked, but no job runs on the store: try again" in run.of("state")[-1]["message"]


def test_a_question_what_is_running_does_not_keep_a_job_from_starting(store, request_) -> None:
    run = Run(store, request_)
    path = store.root / "jobs" / ".running"
    path.touch()
    with path.open() as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH)
        threading.Timer(0.2, lambda: fcntl.flock(file.fileno(), fcntl.LOCK_UN)).start()
        assert run() == "activated"
