# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Mean intersection over union as the official evaluator counts it (specification section 17.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from madm_model.labels import IGNORE


@dataclass(frozen=True)
class SegmentationScores:
    """Scores of one confusion matrix, as shares from 0 to 1.

    Attributes:
        class_iou: (K,) IoU per class; NaN where the class occurs neither in the truth nor in the predictions.
        miou: sum of IoU over the classes with truth, divided by the number of classes with truth or predictions.
        pixel_accuracy: share of labelled pixels predicted right; NaN when there are none.
    """

    class_iou: np.ndarray
    miou: float
    pixel_accuracy: float


class ConfusionMatrix:
    """Counts pixels by predicted and true class over many frames.

    Attributes:
        counts: int64 (K + 1, K), rows are predictions, columns the truth; the last row holds pixels
            predicted as `IGNORE`, which count as missed.
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes
        self.counts = np.zeros((num_classes + 1, num_classes), np.int64)

    def add(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        """Count one frame.

        Args:
            predicted: uint8 (H, W), class ids or `IGNORE`.
            truth: uint8 (H, W), class ids or `IGNORE`; ignored pixels are left out.

        Raises:
            ValueError: the shapes differ, or a class id is out of range.
        """
        if predicted.shape != truth.shape:
            raise ValueError(f"prediction {predicted.shape} and truth {truth.shape} differ in shape")
        labelled = truth != IGNORE
        columns = truth[labelled].astype(np.int64)
        rows = predicted[labelled].astype(np.int64)
        rows[rows == IGNORE] = self.num_classes
        if columns.size and (columns.max() >= self.num_classes or rows.max() > self.num_classes):
            raise ValueError(f"a class id is not below {self.num_classes}")
        size = (self.num_classes + 1) * self.num_classes
        self.counts += np.bincount(rows * self.num_classes + columns, minlength=size).reshape(self.counts.shape)

    def scores(self, not_scored: Sequence[int] = ()) -> SegmentationScores:
        """IoU per class, their mean, and pixel accuracy of everything counted so far.

        Args:
            not_scored: classes that the mean leaves out.
        """
        hits = np.diag(self.counts[:-1]).astype(np.float64)
        in_truth = self.counts.sum(axis=0).astype(np.float64)
        predicted = self.counts[:-1].sum(axis=1).astype(np.float64)
        union = in_truth + predicted - hits
        class_iou = np.divide(hits, union, out=np.full_like(hits, np.nan), where=union > 0)
        scored = ~np.isin(np.arange(self.num_classes), not_scored)
        occurring = np.count_nonzero((union > 0) & scored)
        miou = float(class_iou[(in_truth > 0) & scored].sum() / occurring) if occurring else float("nan")
        labelled = in_truth.sum()
        return SegmentationScores(class_iou, miou, float(hits.sum() / labelled) if labelled else float("nan"))


def occurring_miou(matrix: ConfusionMatrix) -> tuple[float, np.ndarray]:
    """Mean IoU over the classes that occur in the truth; a class that is only predicted is no part of the mean.

    Returns:
        the mean, and IoU per class (K,), NaN for classes that do not occur; shares from 0 to 1.
    """
    occurs = matrix.counts.sum(axis=0) > 0  # (K,)
    class_iou = np.where(occurs, matrix.scores().class_iou, np.nan)
    return (float(class_iou[occurs].mean()) if occurs.any() else float("nan")), class_iou
