# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a job tells and hears: events for whoever started it, its state for later, and whether it is to stop.

Events are JSON objects:

    {"event": "state", "state": "preparing", "message": ..., "new_version": "", "report": ""}
                                                                      a stage begins, or the job ends
    {"event": "frames", "read": 120, "kept": 64}                      while bags are read
    {"event": "source", "done": 10, "total": 60}                      while the source is prepared
    {"event": "labels", "done": 10, "total": 300}                     while a student's teacher labels the frames
    {"event": "pairs", "done": 10, "total": 300}                      while the images of a colour camera are labelled
    {"event": "progress", "iteration": 7, "iterations": 500, ...}     after every optimiser step
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from madm_model.jobs.request import JobFolder
from madm_model.jobs.state import State

Emit = Callable[[dict[str, Any]], None]

_COUNT_PERIOD = 10


class JobCanceled(Exception):
    """Someone asked the job to stop."""


class JobEvents:
    """A job's connection to the world.

    Args:
        folder: gets the state.
        emit: gets every event.
        should_stop: whether someone asked the job to stop.
    """

    def __init__(self, folder: JobFolder, emit: Emit, should_stop: Callable[[], bool]) -> None:
        self._folder = folder
        self.emit, self.should_stop = emit, should_stop

    def state(self, state: State, message: str) -> State:
        """Tell and keep a state; a disk that is full must not hide the first error."""
        kept = replace(self._folder.state(), state=state, message=message)
        try:
            self._folder.write_state(kept)
        except OSError as error:
            log(f"the job's state cannot be kept: {error}")
        told = {"state": state, "message": message, "new_version": kept.new_version, "report": kept.report}
        self.emit({"event": "state", **told})
        return state

    def refuse(self, message: str) -> State:
        """Tell that the job fails, and keep nothing: its folder is not this process's to change."""
        self.emit({"event": "state", "state": State.FAILED, "message": message, "new_version": "", "report": ""})
        return State.FAILED

    def count(self, event: str, count: int, **numbers: int) -> None:
        """Tell every tenth time how far a stage is.

        Args:
            event: its name.
            count: what decides whether it is told.
            numbers: the event's fields.

        Raises:
            JobCanceled: as `check_stop`.
        """
        self.check_stop()
        if count % _COUNT_PERIOD == 0:
            self.emit({"event": event, **numbers})

    def check_stop(self) -> None:
        """End here if that is wished.

        Raises:
            JobCanceled: it is.
        """
        if self.should_stop():
            raise JobCanceled


def log(text: str) -> None:
    """Write a line for whoever looks into it; the job's log may lie on the disk that is full."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
