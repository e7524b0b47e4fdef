# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A job's process, as the server sees it: started, listened to, told to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

OnEvent = Callable[[dict[str, Any]], None]
LOG_FILE = "job.log"
_SAFE_PATH = ("-P",) if sys.version_info >= (3, 11) else ()
"""So that no module of the folder that the server was started in is taken for one that the job imports."""


class JobProcess:
    """Runs `python -m madm_model.jobs.job` and hands its events on, from a thread of its own.

    Args:
        store: folder of the store.
        job_id: the job; its folder gets `job.log` with what the process writes to standard error.
        on_event: called with every event.
        on_exit: called once at the end, with the exit status (negative: ended by that signal).

    Attributes:
        canceled: whether it was told to stop.
        killed: whether it did not, and was ended.
    """

    def __init__(self, store: Path, job_id: str, on_event: OnEvent, on_exit: Callable[[int], None]) -> None:
        self._on_event, self._on_exit = on_event, on_exit
        self.canceled = self.killed = False
        store = store.absolute()
        folder = store / "jobs" / job_id
        (folder / LOG_FILE).touch(mode=0o600)
        with (folder / LOG_FILE).open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *_SAFE_PATH, "-m", "madm_model.jobs.job", str(store), job_id],
                cwd=None if _SAFE_PATH else folder,  # an older Python imports from where it is started
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                errors="replace",  # a library may print the name of a file that is not UTF-8
                start_new_session=True,  # Ctrl-C is for the node, which then cancels in its own way
            )
        self._listener = threading.Thread(target=self._listen, name=f"job {job_id}", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def cancel(self) -> None:
        """Ask it to stop after the iteration in work; harmless when it has ended."""
        self.canceled = True
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now, whatever it waits for; harmless when it has ended."""
        if self._process.poll() is None:
            self.killed = True
            self._process.kill()

    def end(self, timeout_s: float) -> None:
        """Cancel it, wait, and kill it if it does not end; its last events have been handed on then."""
        self.cancel()
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._listener.join()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                continue  # a library that prints, or the last line of a killed process
            if isinstance(event, dict) and "event" in event:
                try:
                    self._on_event(event)
                except Exception:  # whatever cannot be handed on: the process is read to its end, and its end is told
                    traceback.print_exc()
        self._on_exit(self._process.wait())
