# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Pseudo-labels of the teacher, and how far to trust them.

The paper's way is one weight for all pixels of a batch (section 3.2, specification section 12). Its one threshold is
passed by classes that are large and plain: a class that the teacher is never that sure of teaches nothing. So there is
a threshold per class as well, relative to how sure the teacher is of that class (Zou et al., "CBST", ECCV 2018; Zhang
et al., "FlexMatch", NeurIPS 2021).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch

from madm_model.adaptation.config import SelfTrainingConfig

_MOMENTUM = 0.9
"""Of the thresholds per class: a class's last ten batches or so decide."""


class PseudoLabels(NamedTuple):
    """The teacher's opinion on a batch."""

    labels: torch.Tensor
    """int64 (B, H, W), the likeliest class of every pixel; no pixel is left out."""
    weight: torch.Tensor
    """float32 (B, H, W), what each pixel counts in the loss, 0 to 1."""
    quality: float
    """Mean of that weight: share of the batch's pixels that count as certain."""
    confidence: float
    """Mean of the pixels' largest probability."""
    certain: np.ndarray
    """float (K,), share of the pixels labelled as each class that count as certain; NaN for a class without any."""
    probability: torch.Tensor
    """float32 (B, H, W), of every pixel's label."""


class Certainty:
    """Decides which pseudo-labels are certain.

    Attributes:
        thresholds: float32 (K,), probability from which a pixel of a class is certain, where each class has its own;
            not above the threshold of all. A class that was not seen yet has that one.
    """

    def __init__(self, config: SelfTrainingConfig, num_classes: int, device: torch.device | str = "cpu") -> None:
        self._config = config
        self.thresholds = torch.full((num_classes,), config.pseudo_threshold, device=device)
        self._seen = torch.zeros(num_classes, dtype=torch.bool, device=device)

    @torch.no_grad()
    def label(self, logits: torch.Tensor) -> PseudoLabels:
        """Label a batch by the teacher's logits (B, K, H, W); thresholds per class follow it."""
        probability, labels = logits.float().softmax(dim=1).max(dim=1)  # both (B, H, W)
        if self._config.certainty == "class":
            self._follow(probability, labels)
            certain = probability >= self.thresholds[labels]
        else:
            certain = probability >= self._config.pseudo_threshold
        quality = certain.float().mean().item()
        weight = certain.float() if self._config.certainty == "class" else torch.full_like(probability, quality)
        count = logits.shape[1]
        pixels = torch.bincount(labels.flatten(), minlength=count)
        share = torch.bincount(labels[certain], minlength=count) / torch.where(pixels > 0, pixels, torch.nan)
        return PseudoLabels(labels, weight, quality, probability.mean().item(), share.cpu().numpy(), probability)

    def _follow(self, probability: torch.Tensor, labels: torch.Tensor) -> None:
        """Let the threshold of every class in the batch follow the probability of the least of its surest pixels."""
        for index in labels.unique().tolist():
            own = probability[labels == index]
            least = own.numel() - math.ceil(self._config.certain_share * own.numel()) + 1
            now = own.kthvalue(least).values.clamp(max=self._config.pseudo_threshold)
            before = self.thresholds[index] if self._seen[index] else now
            self.thresholds[index] = torch.lerp(now, before, _MOMENTUM)
            self._seen[index] = True

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The thresholds per class, and of which classes there are any."""
        return {"thresholds": self.thresholds, "seen": self._seen}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what `state_dict` gave."""
        self.thresholds.copy_(state["thresholds"])
        self._seen.copy_(state["seen"])
