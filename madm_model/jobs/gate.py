# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The gate: may a new version take the place of the running one?

Both versions label the same target frames, which were held out of training, and the same held-out source frames. There
is no target label, so nothing here is accuracy on the target. What it can see: a network that lost classes, that
contradicts the averaged opinion of its own teacher, that flickers more than the running one, that became unsure, or
that forgot its source. What it cannot see: a mistake that teacher and student share and hold steadily, such as one
class being taken for another in every frame; confidence that is not deserved; and anything that the held-out frames,
the last part of each bag, do not show. A version that passes is not proven better; one that fails is worth a look
before it drives.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import cv2
import numpy as np
from pydantic import Field

from madm_model.settings import settings

_SIMILAR = 20
_MIN_FOLLOWED = 0.2


_Share = Annotated[float, Field(ge=0, le=1)]


@settings
class GateConfig:
    """How far a new version may fall behind the running one."""

    frames: Annotated[int, Field(ge=2, le=10_000)] = 32
    """Target frames that are looked at, at most."""
    agreement_drop: _Share = 0.05
    """Share of pixels agreeing with the teacher ensemble: largest loss."""
    confidence_drop: _Share = 0.15
    """Mean confidence: largest loss."""
    class_ratio: _Share = 0.5
    """Effective number of classes (exponential of the histogram's entropy): smallest ratio to the running one's."""
    largest_class: _Share = 0.95
    """Share of pixels that one class may have, unless it has it in the running version too."""
    temporal_drop: _Share = 0.05
    """Share of pixels that keep their class from frame to frame: largest loss."""
    source_miou_drop: _Share = 0.05
    """mIoU on held-out source frames: largest loss."""
    activation_iterations: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """A version of fewer optimiser steps is not made active by itself: nothing has been learned yet."""
    activation_frames: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """A version of fewer different target frames is not made active by itself: it has not seen the sensor yet."""

    def too_little(self, iterations: int, frames: int | None = None) -> str:
        """Why a version of so few iterations or target frames is not made active by itself; empty if it may be."""
        if iterations < self.activation_iterations:
            return f"{iterations} iterations are fewer than {self.activation_iterations}"
        if frames is not None and frames < self.activation_frames:
            return f"{frames} different target frames are fewer than {self.activation_frames}"
        return ""


@dataclass(frozen=True)
class Measures:
    """What is measured of one version. Shares, 0 to 1; NaN where there was nothing to measure."""

    agreement: float
    """Pixels of the target labelled as the teacher ensemble does."""
    confidence: float
    """Mean confidence on the target."""
    histogram: tuple[float, ...]
    """Share of the target's pixels per class."""
    temporal: float
    """Pixels whose class follows them from one target frame to the next."""
    source_miou: float
    """mIoU on held-out source frames."""
    finite: float = 1.0
    """Frames whose class scores are finite in the number format that runs."""


@dataclass(frozen=True)
class Check:
    """One row of the gate's table."""

    name: str
    running: float
    new: float
    limit: float
    """The new version's value has to reach it, or for the largest class stay below."""
    passed: bool
    meaning: str


@dataclass(frozen=True)
class GateResult:
    """The gate's verdict."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check did."""
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """Which checks failed, in one sentence; empty if none did."""
        failed = [f"{check.name} is {check.new:.3f}, limit {check.limit:.3f}" for check in self.checks]
        return "; ".join(text for text, check in zip(failed, self.checks) if not check.passed)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for version.json."""
        return {"passed": self.passed, "reason": self.reason, "checks": [asdict(check) for check in self.checks]}


def decide(running: Measures, new: Measures, config: GateConfig) -> GateResult:
    """Compare two versions. A value that could not be measured for either version is not checked."""
    classes, running_classes = effective_classes(new.histogram), effective_classes(running.histogram)
    largest, running_largest = max(new.histogram), max(running.histogram)
    rows = (
        _at_least(
            "agreement",
            running.agreement,
            new.agreement,
            running.agreement - config.agreement_drop,
            "share of target pixels labelled as the teacher ensemble does",
        ),
        _at_least(
            "confidence",
            running.confidence,
            new.confidence,
            running.confidence - config.confidence_drop,
            "mean confidence on target frames",
        ),
        _at_least(
            "classes",
            running_classes,
            classes,
            running_classes * config.class_ratio,
            "effective number of classes on target frames",
        ),
        Check(
            "largest class",
            running_largest,
            largest,
            limit := max(config.largest_class, running_largest),
            largest <= limit,
            "share of target pixels of the commonest class",
        ),
        _at_least(
            "temporal consistency",
            running.temporal,
            new.temporal,
            running.temporal - config.temporal_drop,
            "share of moving-along pixels that keep their class to the next frame",
        ),
        _at_least(
            "source mIoU",
            running.source_miou,
            new.source_miou,
            running.source_miou - config.source_miou_drop,
            "mIoU on labelled source frames that were not trained on",
        ),
        _at_least(
            "finite scores",
            running.finite,
            new.finite,
            1.0,
            "share of frames whose class scores are finite in the number format that runs",
        ),
    )
    return GateResult(tuple(check for check in rows if not math.isnan(check.limit)))


def _at_least(name: str, running: float, new: float, limit: float, meaning: str) -> Check:
    # A new version that cannot be measured where the running one can has failed.
    return Check(name, running, new, limit, new >= limit, meaning)


def effective_classes(histogram: Sequence[float]) -> float:
    """Exponential of the entropy of a histogram (K,): 1 for a single class, K for equal shares."""
    shares = np.asarray(histogram, np.float64)
    shares = shares[shares > 0] / max(shares.sum(), 1e-12)
    return float(np.exp(-(shares * np.log(shares)).sum())) if shares.size else 0.0


def temporal_consistency(
    images: tuple[np.ndarray, np.ndarray], labels: tuple[np.ndarray, np.ndarray]
) -> tuple[int, int]:
    """Follow pixels from the second frame back into the first by optical flow (DIS), and compare their classes.

    Args:
        images: two successive network images, uint8 (H, W, 3).
        labels: their labels, uint8 (H, W).

    Returns:
        pixels with the same class, and pixels that could be followed: those whose brightness agrees at both ends.
        (0, 0) where less than a fifth of the image could.
    """
    first, second = (cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY) for image in images)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(second, first, None)  # (H, W, 2)
    height, width = second.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x, y = columns + flow[..., 0], rows + flow[..., 1]
    warped = cv2.remap(first, x, y, cv2.INTER_LINEAR)
    earlier = cv2.remap(labels[0], x, y, cv2.INTER_NEAREST)
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    followed = inside & (cv2.absdiff(warped, second) < _SIMILAR)
    if followed.mean() < _MIN_FOLLOWED:
        return 0, 0
    return int(np.count_nonzero(earlier[followed] == labels[1][followed])), int(np.count_nonzero(followed))


Label = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Labels and confidence, uint8 (H, W) each, 255 for certain, of an image, uint8 (H, W, 3)."""


def choose_runs(held_out: Sequence[np.ndarray], frames: int) -> list[np.ndarray]:
    """At most `frames` held-out indices, spread over the bags by their length, as short runs of successive frames.

    Args:
        held_out: per bag a run of indices.
        frames: how many in all.
    """
    pairs = [run[start : start + 2] for run in held_out for start in range(0, len(run), 2)]
    if len(pairs) * 2 > frames:
        pairs = [pairs[index] for index in np.linspace(0, len(pairs) - 1, max(1, frames // 2)).astype(int)]
    return [pair for pair in pairs if len(pair)]


def measure_target(
    runs: Sequence[np.ndarray],
    image: Callable[[int], np.ndarray],
    label: Label,
    ensemble: Callable[[int], np.ndarray],
    num_classes: int,
) -> tuple[float, float, tuple[float, ...], float]:
    """Agreement, mean confidence, class histogram and temporal consistency of one version; see `Measures`.

    Args:
        runs: indices of frames, as `choose_runs` gives them.
        image: network image of an index, uint8 (H, W, 3).
        label: the version.
        ensemble: the teacher ensemble's labels of an index, uint8 (H, W).
        num_classes: K.
    """
    agreeing = pixels = same = followed = 0
    confidence, counts = 0.0, np.zeros(num_classes, np.int64)
    for run in runs:
        results = [label(image(int(index))) for index in run]
        for index, (labels, certainty) in zip(run, results):
            agreeing += int(np.count_nonzero(labels == ensemble(int(index))))
            pixels += labels.size
            confidence += float(certainty.sum(dtype=np.int64)) / 255
            counts += np.bincount(labels.ravel(), minlength=num_classes)[:num_classes]
        for (earlier, later), (one, two) in zip(itertools.pairwise(run), itertools.pairwise(results)):
            kept, seen = temporal_consistency((image(int(earlier)), image(int(later))), (one[0], two[0]))
            same, followed = same + kept, followed + seen
    histogram = tuple((counts / max(pixels, 1)).tolist())
    return agreeing / pixels, confidence / pixels, histogram, same / followed if followed else math.nan
