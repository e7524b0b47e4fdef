# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How far a benchmark is, and how long the rest takes."""

from __future__ import annotations

import time

from madm_model.adaptation.config import AblationRow
from madm_model.benchmark.plan import Run


class BenchmarkProgress:
    """Estimates from what was measured: seconds per iteration of a row, or of all rows where it has none yet."""

    def __init__(self, iterations: int) -> None:
        """Start without measurements; `iterations` is the length of every run."""
        self._iterations = iterations
        self._measured: dict[AblationRow, tuple[int, float]] = {}

    def measure(self, row: AblationRow, iterations: int, seconds: float) -> None:
        """Count iterations of a row and what they took, scoring included where it was."""
        before = self._measured.get(row, (0, 0.0))
        self._measured[row] = (before[0] + iterations, before[1] + seconds)

    def seconds_per_iteration(self, row: AblationRow) -> float | None:
        """Of that row; of all measured rows if it has none; None without any."""
        measured = [self._measured[row]] if row in self._measured else list(self._measured.values())
        count = sum(number for number, _ in measured)
        return sum(seconds for _, seconds in measured) / count if count else None

    def remaining_s(self, missing: list[tuple[Run, int]]) -> float | None:
        """Seconds for runs that lack iterations, given as run and number done; None before any measurement."""
        total = 0.0
        for run, done in missing:
            if (each := self.seconds_per_iteration(run.row)) is None:
                return None
            total += (self._iterations - done) * each
        return total


class Stopwatch:
    """Time between two calls, and since the start."""

    def __init__(self) -> None:
        self._started = self._last = time.monotonic()

    def lap(self) -> float:
        """Seconds since the last call."""
        now = time.monotonic()
        lap, self._last = now - self._last, now
        return lap

    @property
    def total(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started


def duration(seconds: float) -> str:
    """In the unit that a person would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
