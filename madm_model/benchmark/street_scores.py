# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Scores of the street_thermal folder's boxes, exactly as its README defines them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FOUND_SHARE = 0.25
"""A box counts as found if at least this share of its pixels has its class."""


@dataclass(frozen=True)
class Box:
    """One object of a frame."""

    class_id: int
    """Its class."""
    xyxy: tuple[float, float, float, float]
    """Left, top, right and bottom edge in pixels."""

    @property
    def pixels(self) -> tuple[slice, slice]:
        """Rows floor(y0) to ceil(y1) - 1 and columns floor(x0) to ceil(x1) - 1, as far as they are not negative."""
        x0, y0, x1, y1 = self.xyxy
        return (
            slice(max(0, math.floor(y0)), max(0, math.ceil(y1))),
            slice(max(0, math.floor(x0)), max(0, math.ceil(x1))),
        )


class BoxCount:
    """Counts boxes of one class that were found, and its pixels that lie in boxes, over many frames."""

    def __init__(self, class_id: int) -> None:
        self._class_id = class_id
        self._boxes = self._found = self._predicted = self._inside = 0

    def add(self, labels: np.ndarray, boxes: Sequence[Box]) -> None:
        """Count one frame.

        Args:
            labels: uint8 (H, W), predicted class ids.
            boxes: all boxes of the frame; those of other classes are left out.
        """
        predicted = labels == self._class_id  # (H, W)
        covered = np.zeros_like(predicted)
        for box in boxes:
            if box.class_id != self._class_id:
                continue
            covered[box.pixels] = True
            inside = predicted[box.pixels]
            self._boxes += 1
            self._found += bool(inside.size and inside.mean() >= FOUND_SHARE)
        self._predicted += int(predicted.sum())
        self._inside += int((predicted & covered).sum())

    @property
    def recall(self) -> float:
        """Share of the boxes that were found; NaN without boxes."""
        return self._found / self._boxes if self._boxes else math.nan

    @property
    def precision(self) -> float:
        """Of all pixels predicted as the class, the share inside any of its boxes; NaN if none was predicted."""
        return self._inside / self._predicted if self._predicted else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of recall and precision; 0 without boxes found, NaN without boxes."""
        if not self._found:
            return 0.0 if self._boxes else math.nan
        return 2 * self.recall * self.precision / (self.recall + self.precision)


class OperatingCurve:
    """Recall that a class would have at other operating points: more or less of a bias on its score.

    Where the margin of the class's score over the best other one exceeds a threshold, its pixels count as predicted;
    the threshold 0 is the network's own decision.
    """

    def __init__(self, class_id: int) -> None:
        self._class_id = class_id
        self._inside: list[np.ndarray] = []
        self._outside: list[np.ndarray] = []
        self._boxes: list[float] = []

    def add(self, scores: np.ndarray, boxes: Sequence[Box]) -> None:
        """Take one frame.

        Args:
            scores: float32 (K, H, W).
            boxes: all boxes of the frame; those of other classes are left out.
        """
        margin = scores[self._class_id] - np.delete(scores, self._class_id, axis=0).max(axis=0)  # (H, W)
        covered = np.zeros(margin.shape, bool)
        for box in (box for box in boxes if box.class_id == self._class_id):
            covered[box.pixels] = True
            inside = np.sort(margin[box.pixels], axis=None)[::-1]
            needed = math.ceil(FOUND_SHARE * inside.size)
            self._boxes.append(float(inside[needed - 1]) if needed else -math.inf)
        self._inside.append(margin[covered])
        self._outside.append(margin[~covered])

    def recall_at(self, precision: float) -> float:
        """Largest recall of all operating points with at least that precision; NaN without boxes."""
        if not self._boxes:
            return math.nan
        inside, outside = np.sort(np.concatenate(self._inside)), np.sort(np.concatenate(self._outside))
        thresholds = np.sort(self._boxes)[::-1]  # a box is found from its own margin on: nothing happens between
        hits = inside.size - np.searchsorted(inside, thresholds)  # pixels of at least that margin
        misses = outside.size - np.searchsorted(outside, thresholds)
        fit = np.flatnonzero(hits >= precision * (hits + misses))
        return float(fit.max() + 1) / len(self._boxes) if fit.size else 0.0
