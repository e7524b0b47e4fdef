# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Results of runs, put together over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from madm_model.benchmark.plan import ANY_MODALITY, Run
from madm_model.benchmark.workbench import Result
from madm_model.evaluation.bootstrap import miou_interval

BLOCK_SCORE = "mIoU"
"""The score that has an interval over blocks of frames, where the results have these."""


@dataclass(frozen=True)
class Figure:
    """A score over seeds."""

    mean: float
    """Mean of the finished seeds."""
    spread: float | None
    """Sample standard deviation; None for a single seed."""
    seeds: int
    """Finished seeds that have the score."""
    interval: tuple[float, float] | None = None
    """95 % interval of the mean over blocks of neighbouring frames, such as streets; None: not known."""

    def __str__(self) -> str:
        return f"{self.mean:.1f}{self._spread()}"

    def signed(self) -> str:
        """As text with the sign of the mean, for a difference."""
        return f"{self.mean:+.1f}{self._spread()}"

    def _spread(self) -> str:
        spread = "" if self.spread is None else f" ± {self.spread:.1f}"
        return spread if self.interval is None else f"{spread} [{self.interval[0]:.1f}, {self.interval[1]:.1f}]"


def figure(values: Iterable[float]) -> Figure | None:
    """Mean and sample standard deviation; None of nothing."""
    numbers = np.array(list(values), float)
    if not numbers.size:
        return None
    return Figure(float(numbers.mean()), float(numbers.std(ddof=1)) if numbers.size > 1 else None, int(numbers.size))


@dataclass(frozen=True)
class CurvePoint:
    """One scored iteration, averaged over seeds."""

    iteration: int
    seconds: float
    value: float


class Summary:
    """Results by what was run; runs that are missing are simply not there.

    Attributes:
        cases: the plan's runs without their seed (all have seed 0 here), in its order.
    """

    def __init__(self, runs: Sequence[Run], results: Sequence[Result]) -> None:
        self._seeds = len({run.seed for run in runs})
        self.cases = list(dict.fromkeys(_case(run) for run in runs))
        self._results: dict[Run, list[Result]] = {}
        for result in results:
            self._results.setdefault(_case(result.run), []).append(result)

    def cases_of(self, modality: str) -> list[Run]:
        """Cases that are scored on a modality."""
        return [case for case in self.cases if case.modality in (modality, ANY_MODALITY)]

    def figure(self, case: Run, modality: str, score: str) -> Figure | None:
        """A score of the trained networks; None while no seed has it."""
        found = figure(self._by_seed(case, modality, score).values())
        if found is None or score != BLOCK_SCORE:
            return found
        blocks = self._blocks(case, modality)
        return self._with_interval(found, [(blocks[seed], None) for seed in blocks])

    def gain(self, case: Run, over: Run, modality: str, score: str) -> Figure | None:
        """What a score is more than another case's, seed by seed; None while no seed has both."""
        own, others = (self._by_seed(either, modality, score) for either in (case, over))
        found = figure(value - others[seed] for seed, value in own.items() if seed in others)
        if found is None or score != BLOCK_SCORE:
            return found
        mine, theirs = (self._blocks(either, modality) for either in (case, over))
        return self._with_interval(found, [(mine[seed], theirs[seed]) for seed in mine if seed in theirs])

    @staticmethod
    def _with_interval(found: Figure, pairs: Sequence[tuple[np.ndarray, np.ndarray | None]]) -> Figure:
        """With an interval, if every seed of the figure has blocks."""
        if len(pairs) != found.seeds:
            return found
        counts, others = (None if values[0] is None else np.stack(values) for values in zip(*pairs))
        low, high = miou_interval(counts, others)
        return replace(found, interval=(100 * low, 100 * high))

    def _blocks(self, case: Run, modality: str) -> dict[int, np.ndarray]:
        """By seed."""
        results = self._results.get(case, [])
        return {result.run.seed: result.blocks[modality] for result in results if modality in result.blocks}

    def _by_seed(self, case: Run, modality: str, score: str) -> dict[int, float]:
        found = {result.run.seed: result.scores[modality] for result in self._results.get(case, [])}
        return {seed: scores[score] for seed, scores in found.items() if score in scores}

    def finished(self, case: Run) -> str:
        """Finished seeds of all, for example "2 of 3"."""
        return f"{len(self._results.get(case, []))} of {self._seeds}"

    def has_results(self, case: Run) -> bool:
        """Whether any seed is done."""
        return case in self._results

    def score_names(self, modality: str) -> list[str]:
        """Names of all scores that any result has on a modality, in their order."""
        results = [result for group in self._results.values() for result in group]
        return list(dict.fromkeys(name for result in results for name in result.scores.get(modality, {})))

    def seconds_per_iteration(self, case: Run) -> Figure | None:
        """Training time of one step."""
        return figure(result.seconds / result.curve[-1]["iteration"] for result in self._results.get(case, []))

    def curve(self, case: Run, modality: str, score: str) -> list[CurvePoint]:
        """Points of the seeds that are done, averaged."""
        points: dict[int, list[tuple[float, float]]] = {}
        for result in self._results.get(case, []):
            for point in result.curve:
                scores = point["scores"][modality]
                if score in scores:
                    points.setdefault(point["iteration"], []).append((point["seconds"], scores[score]))
        return [
            CurvePoint(iteration, *(float(value) for value in np.mean(values, axis=0)))
            for iteration, values in sorted(points.items())
        ]

    def machines(self) -> list[str]:
        """Where the results were computed."""
        return list(dict.fromkeys(result.machine for group in self._results.values() for result in group))


def _case(run: Run) -> Run:
    return replace(run, seed=0)
