# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How sure a difference of mIoU is, by drawing blocks of neighbouring frames with replacement."""

from __future__ import annotations

import numpy as np


def miou_of(counts: np.ndarray) -> np.ndarray:
    """mIoU of confusion matrices, counted as `ConfusionMatrix.scores` does.

    Args:
        counts: (..., K + 1, K), rows are predictions, columns the truth.

    Returns:
        (...), shares from 0 to 1; NaN where nothing was counted.
    """
    hits = np.diagonal(counts[..., :-1, :], axis1=-2, axis2=-1).astype(float)  # (..., K)
    in_truth = counts.sum(axis=-2)
    union = in_truth + counts[..., :-1, :].sum(axis=-1) - hits
    iou = np.divide(hits, union, out=np.zeros_like(hits), where=union > 0)
    occurring = (union > 0).sum(axis=-1)
    total = np.where(in_truth > 0, iou, 0).sum(axis=-1)
    return np.divide(total, occurring, out=np.full_like(total, np.nan), where=occurring > 0)


def miou_interval(
    counts: np.ndarray, others: np.ndarray | None = None, share: float = 0.95, draws: int = 1000
) -> tuple[float, float]:
    """Interval of an mIoU, or of what it is more than another one on the same blocks; of several their mean.

    Args:
        counts: confusion matrices of blocks of frames, such as streets, (S, K + 1, K); or (R, S, K + 1, K) of R models.
        others: those of the other, or of as many others; None: 0.
        share: of the draws that the interval holds.
        draws: how often S blocks are drawn.
    """
    blocks = counts.shape[-3]
    chosen = np.random.default_rng(0).integers(blocks, size=(draws, blocks))
    weights = np.stack([np.bincount(row, minlength=blocks) for row in chosen])  # (draws, S)
    values = _mean_miou(weights, counts)
    if others is not None:
        values = values - _mean_miou(weights, others)
    low, high = np.nanquantile(values, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _mean_miou(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Of every draw, (draws,)."""
    drawn = np.tensordot(weights, counts, axes=(1, counts.ndim - 3))  # (draws, K + 1, K), or with R in between
    return miou_of(drawn).reshape(len(weights), -1).mean(axis=1)
