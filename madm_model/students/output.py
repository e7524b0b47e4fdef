"""What a student gives."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass
class StudentOutput:
    """The part of MADM's output that a Segmenter needs, for images (B, 3, H, W)."""

    logits: torch.Tensor
    """Class scores, (B, K, H / 4, W / 4)."""
