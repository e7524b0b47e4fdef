# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What one iteration of self-training computed and saw, for logs, progress and reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

CERTAIN = "certain_"
"""Begins the names of a log's columns with the share of certain pseudo-labels of each class."""


@dataclass
class TargetStatistics:
    """What one iteration saw of the target."""

    noise_step: int
    """Diffusion step of the teacher's pass; -1 where there is none."""
    quality: float
    """Share of the target's pixels with a certain pseudo-label: their mean weight."""
    confidence: float
    """Mean probability of the pseudo-labels."""
    pasted_share: float
    """Share of the mixed images' pixels that come from the source."""
    label_histogram: np.ndarray
    """int64 (K,), pixels of the mixed labels per class, ignored ones left out."""
    loss_share: float = math.nan
    """Share of the segmentation losses that comes from pseudo-labels; NaN where it was not looked at."""
    certain: Mapping[str, float] = field(default_factory=dict)
    """By class, share of the pixels with its pseudo-label that are certain; NaN for a class that none has."""
    paired: Mapping[str, float] = field(default_factory=dict)
    """With a second teacher: paired_share, of the pixels that have its label, and paired_agreement, of those on which
    it is trusted, NaN without any."""


@dataclass
class StepStatistics:
    """What one iteration computed; batches of an accumulated step are averaged."""

    losses: dict[str, float]
    """source_segmentation and, where configured, source_regression, source_contrast, target_segmentation,
    target_regression, masked_segmentation; weights included. With labelled target frames labelled_segmentation is
    their part of the mean over the source's batch, and source_segmentation that of the other images."""
    gradient_norm: float
    """Global L2 norm before clipping."""
    gradient_norms: dict[str, float]
    """The same per part: unet, projections, head, condition and, where there is one, contrast."""
    learning_rate: float
    """Learning rate of this step."""
    target: list[TargetStatistics] = field(default_factory=list)
    """One entry per accumulated batch; empty without self-training."""

    def row(self) -> dict[str, float]:
        """One line of a log."""
        row = {"gradient_norm": self.gradient_norm, "learning_rate": self.learning_rate} | self.losses
        if self.target:
            if self.target[-1].noise_step >= 0:
                row["noise_step"] = self.target[-1].noise_step
            for name in ("quality", "confidence", "pasted_share"):
                row[name] = float(np.mean([getattr(batch, name) for batch in self.target]))
            if not math.isnan(self.target[-1].loss_share):
                row["loss_share"] = float(np.mean([batch.loss_share for batch in self.target]))
            for name in self.target[0].certain:
                row[f"{CERTAIN}{name}"] = _mean([batch.certain[name] for batch in self.target])
            for name in self.target[0].paired:
                row[name] = _mean([batch.paired[name] for batch in self.target])
        return row


def _mean(values: list[float]) -> float:
    """Of those that are numbers; NaN without any."""
    return float(np.nanmean(values)) if not np.isnan(values).all() else math.nan
