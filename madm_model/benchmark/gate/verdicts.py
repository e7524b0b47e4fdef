# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the gate says of versions whose truth is known: how often it is wrong, and limits that make it so less often."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from madm_model.benchmark.gate.predictions import Origin, Predictions, bootstrap_difference, class_iou
from madm_model.evaluation import ConfusionMatrix, occurring_miou
from madm_model.jobs.gate import GateConfig, Measures, decide
from madm_model.jobs.gate_classes import ClassTally
from madm_model.jobs.gate_measures import measure_target
from madm_model.labels import STREET_11

_PASSED_WORSE = 0.05
"""Share of worse versions that may pass, at most."""
_LIMITS = {
    "pixel_ratio": (0.0, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9),
    "pixel_growth": (1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 1000.0),
    "region_ratio": (0.0, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9),
    "size_ratio": (0.0, 0.4, 0.5, 0.6, 0.7, 0.8),
    "kept_share": (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95),
    "found_share": (0.0, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95),
    "ensemble_drop": (0.05, 0.1, 0.15, 0.2, 0.3, 1.0),
    "class_source_drop": (0.02, 0.05, 0.1, 0.15, 0.2, 1.0),
}
"""What is tried for every limit of a protected class."""


@dataclass(frozen=True)
class Trial:
    """A version beside the running one, with its truth."""

    pool: str
    """Pool whose frames were looked at."""
    origin: Origin
    """Where the version comes from."""
    running: Measures
    """What the gate sees of the running version."""
    new: Measures
    """And of the new one."""
    changes: dict[str, float]
    """Points of IoU that it gains on unseen streets in every protected class."""
    surely_worse: tuple[str, ...]
    """Protected classes in which it loses more points than allowed, the whole interval over streets below 0."""
    miou_change: float
    """Points of mIoU that it gains on unseen streets."""

    @property
    def is_worse(self) -> bool:
        """Whether it is truly worse in a protected class."""
        return bool(self.surely_worse)

    @property
    def is_better(self) -> bool:
        """Whether it loses nothing in any protected class, and gains on the whole."""
        return self.miou_change > 0 and all(change >= 0 for change in self.changes.values())


def make_trial(
    pool: str,
    running: Predictions,
    version: tuple[Origin, Predictions],
    source_labels: Sequence[np.ndarray],
    config: GateConfig,
    worse_points: float,
) -> Trial:
    """Measure a version as the gate of a job does, and its truth.

    Args:
        pool: its pool.
        running: what the running version predicts.
        version: where the new one comes from, and what it predicts.
        source_labels: labels of the held-out source frames as its training has them, uint8 (H, W) each.
        config: the gate's.
        worse_points: points of IoU that a protected class may lose.
    """
    origin, new = version
    classes = config.protected(STREET_11)
    tally = ClassTally(classes, config.sure_confidence, config.smallest_region)
    ensemble = new.ensemble if new.ensemble.size else None
    before = _measures(running, source_labels, ensemble, tally)
    after = _measures(
        new, source_labels, ensemble, ClassTally(classes, config.sure_confidence, config.smallest_region, tally.sure)
    )
    gained = 100 * (new.class_iou - running.class_iou)
    changes = {name: float(gained[class_id]) for name, class_id in classes.items() if not math.isnan(gained[class_id])}
    surely_worse = tuple(
        name
        for name, change in changes.items()
        if change < -worse_points and bootstrap_difference(new.truth, running.truth, classes[name])[1] < 0
    )
    return Trial(pool, origin, before, after, changes, surely_worse, 100 * (_miou(new) - _miou(running)))


def _measures(
    version: Predictions, source_labels: Sequence[np.ndarray], ensemble: np.ndarray | None, tally: ClassTally
) -> Measures:
    count = len(version.labels)
    values = measure_target(
        list(np.arange(count)[:, None]),
        np.array,  # a frame is its number
        lambda image: (version.labels[int(image)], version.confidence[int(image)]),
        lambda index: None if ensemble is None else ensemble[index],
        len(STREET_11),
        tally,
    )
    matrix = ConfusionMatrix(len(STREET_11))
    for predicted, labels in zip(version.source, source_labels):
        matrix.add(predicted, labels)
    miou, class_iou = occurring_miou(matrix)
    return Measures(*values, miou, 1.0, tally.measures(dict(zip(STREET_11.names, class_iou))))


def _miou(version: Predictions) -> float:
    counts = version.truth.sum(axis=0)  # (K, 3)
    return float(np.nanmean(np.where(counts[:, 2] > 0, class_iou(counts), np.nan)))


@dataclass(frozen=True)
class Rates:
    """How often a gate is wrong."""

    worse: int
    """Versions that are truly worse in a protected class."""
    passed: int
    """Of these, those that pass."""
    better: int
    """Versions that are better."""
    refused: int
    """Of these, those that are refused."""
    neither: int
    """All others."""
    neither_refused: int
    """Of these, those that are refused."""

    @property
    def passed_share(self) -> float:
        """Share of the worse that passes; NaN without any."""
        return self.passed / self.worse if self.worse else math.nan

    @property
    def refused_share(self) -> float:
        """Share of the better that is refused; NaN without any."""
        return self.refused / self.better if self.better else math.nan


def rates(trials: Iterable[Trial], config: GateConfig) -> Rates:
    """Judge versions, and count what was wrong; without protected classes they are not looked at by themselves."""
    counts = dict.fromkeys((*((kind, passed) for kind in ("worse", "better", "neither") for passed in (0, 1)),), 0)
    for trial in trials:
        kind = "worse" if trial.is_worse else "better" if trial.is_better else "neither"
        running = trial.running if config.protect else replace(trial.running, protected={})
        counts[kind, int(decide(running, trial.new, config).passed)] += 1
    totals = {kind: counts[kind, 0] + counts[kind, 1] for kind in ("worse", "better", "neither")}
    return Rates(
        *(totals["worse"], counts["worse", 1], totals["better"], counts["better", 0]),
        *(totals["neither"], counts["neither", 0]),
    )


def choose_limits(trials: Sequence[Trial], start: GateConfig) -> GateConfig:
    """Limits of protected classes that refuse as few better versions as they can while few worse ones pass.

    One limit after the other is set to the best of some values, until none of them changes; of equals the looser.

    Args:
        trials: versions to choose by; say nothing about the limits of other ones.
        start: where to begin.
    """

    def loss(config: GateConfig) -> tuple[float, float]:
        found = rates(trials, config)
        passed, refused = (0.0 if math.isnan(x) else x for x in (found.passed_share, found.refused_share))
        return max(0.0, passed - _PASSED_WORSE), refused + found.neither_refused / (10 * max(1, found.neither))

    best, changed = start, True
    while changed:
        changed = False
        for name, values in _LIMITS.items():
            for candidate in (replace(best, **{name: value}) for value in values):
                if loss(candidate) < loss(best):
                    best, changed = candidate, True
    return best


def limits_in_words(config: GateConfig) -> Iterator[str]:
    """The limits of protected classes, each as NAME: VALUE."""
    yield from (f"{name}: {getattr(config, name):g}" for name in _LIMITS)
