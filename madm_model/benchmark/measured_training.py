# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A training that is scored on its way, and whose clock runs only while it trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from madm_model.adaptation.self_training import SelfTraining
from madm_model.adaptation.step_statistics import StepStatistics

Scores = dict[str, dict[str, float]]
"""Modality to the name and value of its scores."""


class MeasuredTraining:
    """Wraps the trainer; the points scored so far are part of its checkpoint, so that none is lost or made twice.

    Attributes:
        curve: per scored iteration its number, the seconds trained until then, and the scores.
        seconds: spent in training steps; scoring is left out, steps before a resumed checkpoint count.
    """

    def __init__(self, trainer: SelfTraining, evaluate: Callable[[], Scores], at: Collection[int]) -> None:
        """Wrap a trainer.

        Args:
            trainer: before its first step.
            evaluate: scores the network as it is; called between steps.
            at: numbers of done iterations after which to score.
        """
        self._trainer, self._evaluate, self._at = trainer, evaluate, frozenset(at)
        self.curve: list[dict[str, Any]] = []
        self.seconds = 0.0

    def step(self, iteration: int) -> StepStatistics:
        """One step, then the scores where they are due."""
        started = time.monotonic()
        statistics = self._trainer.step(iteration)
        self.seconds += time.monotonic() - started
        if iteration + 1 in self._at:
            self.curve.append(
                {"iteration": iteration + 1, "seconds": round(self.seconds, 2), "scores": self._evaluate()}
            )
        return statistics

    def state_dict(self) -> dict[str, Any]:
        """The trainer's state with the points and the clock."""
        return self._trainer.state_dict() | {"curve": self.curve, "training_seconds": self.seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self._trainer.load_state_dict(state)
        self.curve, self.seconds = list(state["curve"]), state["training_seconds"]
