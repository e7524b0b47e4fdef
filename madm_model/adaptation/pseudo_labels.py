# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Pseudo-labels of the teacher, and how far to trust them (paper section 3.2, specification section 12)."""

from __future__ import annotations

from typing import NamedTuple

import torch


class PseudoLabels(NamedTuple):
    """The teacher's opinion on a batch."""

    labels: torch.Tensor
    """int64 (B, H, W), the likeliest class of every pixel; no pixel is left out."""
    quality: float
    """Share of the batch's pixels whose probability reaches the threshold: the weight of all of them."""
    confidence: float
    """Mean of the pixels' largest probability."""


@torch.no_grad()
def pseudo_labels(logits: torch.Tensor, threshold: float) -> PseudoLabels:
    """Label a batch by the teacher's logits.

    Args:
        logits: (B, K, H, W).
        threshold: probability from which a pixel counts as certain.
    """
    probability, labels = logits.float().softmax(dim=1).max(dim=1)  # both (B, H, W)
    return PseudoLabels(labels, (probability >= threshold).float().mean().item(), probability.mean().item())
