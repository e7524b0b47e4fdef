# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the server does when the input of its segmentation nodes stays unlike what their model knows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from diagnostic_msgs.msg import DiagnosticArray
from madm_msgs.msg import AdaptJob
from pydantic import Field

from madm_model.settings import settings
from madm_ros.adapt.messages import to_duration
from madm_ros.diagnostic_reports import SEGMENTATION, WINDOW_S


@settings
class OnShiftConfig:
    """When a job is due, and what it adapts from."""

    action: Literal["off", "propose", "start"] = "off"
    """When ~/shift of a node that follows the store stays high: off, propose (WARN in diagnostics) or start a job."""
    limit: Annotated[float, Field(ge=0.1, le=100.0)] = 1.5
    """Shift from which on it is high; 1 is as far as the least usual frames that the model knows."""
    hold_minutes: Annotated[float, Field(ge=0.0, le=10_000.0)] = 10.0
    """How long it has to stay high."""
    recordings: str = ""
    """Folders of bags to adapt from, in bag_roots, separated by colons; those with nothing in them are left out. Empty:
    the recorder's, ~/.madm/[NAMESPACE/]recordings/recorder."""
    train_minutes: Annotated[float, Field(ge=0.1, le=10_000.0)] = 30.0
    """Time budget of the job."""
    pause_hours: Annotated[float, Field(ge=0.0, le=10_000.0)] = 24.0
    """After a job was started so, no other one is for that long; after a refusal for hold_minutes."""


class OnShift:
    """Hears /diagnostics, and proposes or starts a job. May be used from several threads.

    Args:
        config: when, and from what.
        store: the store's folder; nodes that follow another one do not count.
        recordings: folders to adapt from.
        start: asks for a job: whether it was accepted, a sentence, its id.
        log_info, log_warning: write one line.
        clock: seconds on a clock that never goes back.
    """

    def __init__(
        self,
        config: OnShiftConfig,
        store: Path,
        recordings: Sequence[Path],
        start: Callable[[AdaptJob], tuple[bool, str, str]],
        log_info: Callable[[str], object],
        log_warning: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config, self._store, self._recordings = config, str(store.absolute()), recordings
        self._start, self._log_info, self._log_warning = start, log_info, log_warning
        self._clock = clock
        self._lock = threading.Lock()
        self._high: dict[str, tuple[float, float, float]] = {}
        """By node: since when it is high, when that was heard last, and how high."""
        self._told = False
        self._not_before = float("-inf")

    def note(self, message: DiagnosticArray) -> None:
        """Take in a report of any node; a shift that is not told, or not high, ends the time that it was."""
        if self._config.action == "off":
            return
        now = self._clock()
        for status in message.status:
            name, _, kind = status.name.partition(": ")
            values = {item.key: item.value for item in status.values}
            if kind != SEGMENTATION or values.get("store") != self._store:
                continue
            try:
                shift = float(values["shift"])
            except (KeyError, ValueError):  # no reference, or too few frames so far
                shift = 0.0
            with self._lock:
                if shift > self._config.limit:
                    since = self._high[name][0] if name in self._high else now
                    self._high[name] = (since, now, shift)
                else:
                    self._high.pop(name, None)

    def watch(self, is_busy: bool) -> str:
        """Say once on the console what is due, or start it; call about once a second.

        Args:
            is_busy: a job is running.

        Returns:
            what to do, empty if nothing is to be done.
        """
        advice = "" if is_busy else self._advice()
        if not advice:
            self._told = self._told and is_busy
            return ""
        if self._config.action == "start" and self._clock() >= self._not_before:
            self._start_job(advice)
        elif not self._told:
            self._log_warning(advice)
        self._told = True
        return advice

    def _advice(self) -> str:
        now = self._clock()
        with self._lock:
            self._high = {name: times for name, times in self._high.items() if now - times[1] <= WINDOW_S}
            due = [
                (name, now - since, shift)
                for name, (since, _, shift) in sorted(self._high.items())
                if now - since >= 60 * self._config.hold_minutes
            ]
        if not due:
            return ""
        name, seconds, shift = due[0]
        return (
            f"the input of {name} has been unlike what its model knows for {seconds / 60:.0f} minutes (shift "
            f"{shift:.1f}): adapt it from {', '.join(map(str, self._recordings))}"
        )

    def _start_job(self, advice: str) -> None:
        budget = to_duration(60 * self._config.train_minutes)
        # A camera that has recorded nothing so far keeps no other one from being learned from.
        recordings = [folder for folder in self._recordings if _holds_something(folder)] or self._recordings
        job = AdaptJob(bag_uris=list(map(str, recordings)), time_budget=budget, auto_activate=True)
        accepted, message, job_id = self._start(job)
        if accepted:
            self._not_before = self._clock() + 3600 * self._config.pause_hours
            self._log_info(f"{advice}: job {job_id} does")
            with self._lock:
                self._high.clear()
        else:
            self._not_before = self._clock() + 60 * self._config.hold_minutes
            self._log_warning(f"{advice}; no job was started: {message}")


def _holds_something(folder: Path) -> bool:
    """Whether anything is in a folder but what a dot hides, as a recorder's lock and open segment."""
    try:
        return any(path.name[:1] != "." for path in folder.iterdir())
    except OSError:
        return False
