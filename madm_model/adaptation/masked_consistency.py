# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Masked image consistency (MIC): blocks of a target image are hidden from the student.

Hoyer et al., "MIC: Masked Image Consistency for Context-Enhanced Domain Adaptation", CVPR 2023, and its released
configuration.
"""

from __future__ import annotations

import numpy as np
import torch

from madm_model.adaptation.config import MaskedConsistencyConfig

_REFERENCE_SIDE = 512


def block_side(config: MaskedConsistencyConfig, height: int, width: int) -> int:
    """Pixels of a block's side on a crop of that size, at least 1."""
    return max(1, round(config.block_size * min(height, width) / _REFERENCE_SIDE))


def visible_blocks(
    config: MaskedConsistencyConfig, shape: tuple[int, int, int], rng: np.random.Generator
) -> torch.Tensor:
    """Which pixels the student sees.

    Args:
        config: size and share of the hidden blocks.
        shape: images, rows and columns (B, H, W).
        rng: decides every block by itself.

    Returns:
        bool (B, 1, H, W).
    """
    count, height, width = shape
    side = block_side(config, height, width)
    grid = rng.random((count, -(-height // side), -(-width // side))) >= config.mask_ratio
    pixels = grid.repeat(side, axis=1).repeat(side, axis=2)[:, :height, :width]
    return torch.from_numpy(np.ascontiguousarray(pixels))[:, None]


def hide_blocks(images: torch.Tensor, config: MaskedConsistencyConfig, rng: np.random.Generator) -> torch.Tensor:
    """Images (B, 3, H, W) in [-1, 1] with hidden blocks at 0, the middle of the range."""
    visible = visible_blocks(config, (images.shape[0], *images.shape[-2:]), rng)
    return images * visible.to(images.device, images.dtype)
