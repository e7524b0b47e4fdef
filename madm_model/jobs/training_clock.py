# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How far a training is, and how long it still takes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from madm_model.adaptation.step_statistics import StepStatistics


class TrainingClock:
    """Elapsed and remaining time of the training, earlier runs counted in."""

    def __init__(self, elapsed_before: float, budget: float) -> None:
        """Start now.

        Args:
            elapsed_before: seconds that earlier runs of the job trained.
            budget: seconds in all; 0 for no limit.
        """
        self._before, self._budget = float(elapsed_before), budget
        self._started, self._first = time.monotonic(), -1

    @property
    def elapsed(self) -> float:
        """Seconds of training so far."""
        return self._before + time.monotonic() - self._started

    @property
    def is_up(self) -> bool:
        """Whether the time budget is used up."""
        return bool(self._budget) and self.elapsed >= self._budget

    def progress(self, done: int, iterations: int, statistics: StepStatistics) -> dict[str, Any]:
        """The event of an iteration."""
        if self._first < 0:
            self._first = done - 1
        per_iteration = (time.monotonic() - self._started) / (done - self._first)
        eta = (iterations - done) * per_iteration
        target = statistics.target
        return {
            "event": "progress",
            "iteration": done,
            "iterations": iterations,
            "losses": statistics.losses,
            "confidence": float(np.mean([batch.quality for batch in target])) if target else None,
            "noise_step": target[-1].noise_step if target else -1,
            "elapsed": round(self.elapsed, 2),
            "eta": round(min(eta, max(0.0, self._budget - self.elapsed)) if self._budget else eta, 2),
        }
