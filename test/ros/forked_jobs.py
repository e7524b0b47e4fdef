# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Jobs of a server under test, forked from a process that has imported what takes a job seconds to import."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from kill_samples import start_child

from madm_model.jobs.request import JobFolder
from madm_ros.adapt.job_process import LOG_FILE

PYTHON = sys.executable


def start_job(command: Sequence[str], **options: Any) -> Any:
    """Stands in for `subprocess.Popen` of a job; a program that a test has in place of Python is started as it is."""
    return ForkedJob(*command[-2:]) if command[0] == PYTHON else subprocess.Popen(command, **options)


class ForkedJob:
    """A job's process, with what the server uses of `subprocess.Popen`."""

    def __init__(self, store: str, job_id: str) -> None:
        reading, writing = Pipe(duplex=False)
        self._lock = threading.Lock()
        self._process = start_child(_run, writing, store, job_id)
        writing.close()
        self.stdout = os.fdopen(os.dup(reading.fileno()), errors="replace")
        reading.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        with self._lock:  # the status is read once
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int | None:
        if not wait([self._process.sentinel], timeout):
            raise subprocess.TimeoutExpired("job", timeout or 0)
        return self.poll()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


def _run(writing: Connection, store: str, job_id: str) -> None:
    os.setsid()
    os.dup2(writing.fileno(), 1)
    with (JobFolder(Path(store), job_id).path / LOG_FILE).open("ab") as log:
        os.dup2(log.fileno(), 2)
    writing.close()
    from madm_model.jobs.job import main

    sys.exit(main([store, job_id]))
