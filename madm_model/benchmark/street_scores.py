# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Scores of the street_thermal folder, exactly as its README defines them: boxes, and mIoU over occurring classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from madm_model.evaluation import ConfusionMatrix

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


def occurring_miou(matrix: ConfusionMatrix) -> tuple[float, np.ndarray]:
    """Mean IoU over the classes that occur in the truth; a class that is only predicted is no part of the mean.

    Returns:
        the mean, and IoU per class (K,), NaN for classes that do not occur; shares from 0 to 1.
    """
    occurs = matrix.counts.sum(axis=0) > 0  # (K,)
    class_iou = np.where(occurs, matrix.scores().class_iou, np.nan)
    return (float(class_iou[occurs].mean()) if occurs.any() else math.nan), class_iou
