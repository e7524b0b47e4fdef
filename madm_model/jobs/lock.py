# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The lock that lets one job run on a store, and who has it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from madm_model.jobs.request import RequestError

_RUNNING_FILE = ".running"
_LOCK_TRIES, _LOCK_PERIOD_S, _WRITE_S = 20, 0.05, 0.002


class JobRuns(RequestError):
    """A job is refused because another one is running.

    Attributes:
        job_id: the one that is running.
    """

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} is running: wait for its end, or cancel it")
        self.job_id = job_id


@dataclass(frozen=True)
class RunningJob:
    """The job that runs on a store."""

    job_id: str
    """Its id."""
    pid: int
    """The process it runs in."""

    @classmethod
    def parse(cls, text: str) -> RunningJob:
        """Read what `the_one_job` writes."""
        job_id, _, pid = text.partition("\n")[0].partition(" ")
        return cls(job_id, int(pid))


@contextlib.contextmanager
def the_one_job(store_root: Path, job_id: str) -> Iterator[None]:
    """Be the only job that runs on a store; the kernel ends this with the process, however that ends.

    Raises:
        RequestError: another job is running (`JobRuns`), or the lock cannot be had.
    """
    path = Path(store_root) / "jobs" / _RUNNING_FILE
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
        for _ in range(_LOCK_TRIES):  # who asks what is running has the file for a moment
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(_LOCK_PERIOD_S)
        else:
            refuse_second_job(store_root)
            raise RequestError(f"{path} is locked, but no job runs on the store: try again")
        # In one piece: others read it at any time.
        file.write(f"{job_id} {os.getpid()}\n".encode())
        try:
            yield
        finally:
            file.truncate(0)  # whoever has the lock next is not taken for this one


def running_job(store_root: Path) -> RunningJob | None:
    """The job that runs on a store, in whatever process; None if none does."""
    path = Path(store_root) / "jobs" / _RUNNING_FILE
    with contextlib.suppress(FileNotFoundError), path.open() as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            for _ in range(_LOCK_TRIES):  # who has only just got it is about to write
                if text := file.read():
                    return RunningJob.parse(text)
                time.sleep(_WRITE_S)
    return None


def refuse_second_job(store_root: Path) -> None:
    """Do nothing, unless a job runs on a store.

    Raises:
        JobRuns: it does.
    """
    if running := running_job(store_root):
        raise JobRuns(running.job_id)


def stop_running_job(store_root: Path, by: signal.Signals = signal.SIGTERM) -> str:
    """Ask the job that runs on a store, in whatever process, to stop.

    Args:
        store_root: the store's folder.
        by: SIGKILL ends it without asking.

    Returns:
        its id; empty if none runs.

    Raises:
        RequestError: its process cannot be reached, as one of another user or in another container.
    """
    path = (Path(store_root) / "jobs" / _RUNNING_FILE).resolve()
    refused = ""
    for _ in range(_LOCK_TRIES):  # for a moment the line of one that was killed may still be there
        if (running := running_job(store_root)) is None:
            return ""
        try:
            # The number may mean another process here: it has to be one that has the lock's file open.
            if not any(file.resolve() == path for file in Path(f"/proc/{running.pid}/fd").iterdir()):
                raise ProcessLookupError
            os.kill(running.pid, by)
            return running.job_id
        except OSError:
            refused = f"job {running.job_id} runs in process {running.pid}"
            time.sleep(_WRITE_S)
    raise RequestError(f"{refused}, which cannot be reached from here: end it where it was started")
