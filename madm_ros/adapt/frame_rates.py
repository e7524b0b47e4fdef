# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a job costs the segmentation: its frame rate before the job and during it, as /diagnostics tells."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticArray

from madm_ros.diagnostic_reports import SEGMENTATION, WINDOW_S


class FrameRates:
    """Compares the frame rates of all segmentation nodes that are heard. May be used from several threads.

    The rate before the job is the last one told; the rate during it is the mean of those told once the nodes'
    statistics, which cover `WINDOW_S` seconds, hold nothing from before. A shorter job has none.

    Args:
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}
        self._before: dict[str, float] = {}
        self._during: dict[str, list[float]] = {}
        self._began: float | None = None

    def note(self, message: DiagnosticArray) -> None:
        """Take in a report of any node; what is not a segmentation node's is left."""
        with self._lock:
            for status in message.status:
                name, _, kind = status.name.partition(": ")
                values = {item.key: item.value for item in status.values}
                if kind != SEGMENTATION or values.get("state") != "active":
                    continue
                try:
                    self._last[name] = float(values["fps"])
                except (KeyError, ValueError):  # anybody may publish diagnostics under such a name
                    continue
                if self._began is not None and self._clock() - self._began > WINDOW_S:
                    self._during.setdefault(name, []).append(self._last[name])

    def begin(self) -> None:
        """A job begins."""
        with self._lock:
            self._began, self._before, self._during = self._clock(), dict(self._last), {}

    def end(self) -> str:
        """The job has ended: one sentence for a person, empty if no node was heard before it and during it."""
        with self._lock:
            during, self._during, self._began = self._during, {}, None
            return "; ".join(
                f"{name} published {statistics.fmean(rates):.1f} label images a second during the job, "
                f"{self._before[name]:.1f} before it"
                for name, rates in sorted(during.items())
                if name in self._before
            )
