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
