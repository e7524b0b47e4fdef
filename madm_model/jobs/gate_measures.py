# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the gate measures of a version on unlabelled target frames."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from madm_model.jobs.gate_classes import ClassTally

_SIMILAR = 20
_MIN_FOLLOWED = 0.2


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
    ensemble: Callable[[int], np.ndarray | None],
    num_classes: int,
    tally: ClassTally | None = None,
) -> tuple[float, float, tuple[float, ...], float]:
    """Agreement, mean confidence, class histogram and temporal consistency of one version; see `Measures`.

    Args:
        runs: indices of frames, as `choose_runs` gives them.
        image: network image of an index, uint8 (H, W, 3).
        label: the version.
        ensemble: the teacher ensemble's labels of an index, uint8 (H, W); None without a teacher: the agreement is NaN.
        num_classes: K.
        tally: counts the protected classes, too.
    """
    agreeing = asked = pixels = same = followed = 0
    confidence, counts = 0.0, np.zeros(num_classes, np.int64)
    for run in runs:
        results = [label(image(int(index))) for index in run]
        for index, (labels, certainty) in zip(run, results):
            opinion = ensemble(int(index))
            if opinion is not None:
                agreeing, asked = agreeing + int(np.count_nonzero(labels == opinion)), asked + labels.size
            pixels += labels.size
            confidence += float(certainty.sum(dtype=np.int64)) / 255
            counts += np.bincount(labels.ravel(), minlength=num_classes)[:num_classes]
            if tally is not None:
                tally.add(int(index), labels, certainty, opinion)
        for (earlier, later), (one, two) in zip(itertools.pairwise(run), itertools.pairwise(results)):
            kept, seen = temporal_consistency((image(int(earlier)), image(int(later))), (one[0], two[0]))
            same, followed = same + kept, followed + seen
    histogram = tuple((counts / max(pixels, 1)).tolist())
    agreement = agreeing / asked if asked else math.nan
    return agreement, confidence / pixels, histogram, same / followed if followed else math.nan
