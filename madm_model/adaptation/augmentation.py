# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Strong augmentation of the mixed image: colour jitter and blur (specification section 13.2).

The released code calls kornia without pinning its version. This follows kornia's present `ColorJitter`, which is
torchvision's: brightness multiplies, contrast pulls to the mean grey, saturation to the pixel's grey, hue turns; in
random order, each clipped to the image's range.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional

from madm_model.adaptation.config import AugmentationConfig

_GREY = (0.299, 0.587, 0.114)


def augment(images: torch.Tensor, config: AugmentationConfig | None, rng: np.random.Generator) -> torch.Tensor:
    """Jitter and blur a batch; one draw for all its images.

    Args:
        images: (B, 3, H, W) in [-1, 1].
        config: probabilities and strengths; None changes nothing.
        rng: decides everything. It is asked for the same numbers whatever is applied.

    Returns:
        (B, 3, H, W) in [-1, 1].
    """
    if config is None:
        return images
    jitter, blur = rng.random(2) < (config.jitter_probability, config.blur_probability)
    order, changes = rng.permutation(4), rng.uniform(-config.jitter_strength, config.jitter_strength, 4)
    sigma = rng.uniform(*config.blur_sigma)
    if jitter:
        unit = (images + 1) / 2
        adjust = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)
        for index in order:
            unit = adjust[index](unit, float(changes[index]))
        images = unit * 2 - 1
    return gaussian_blur(images, sigma) if blur else images


def adjust_brightness(images: torch.Tensor, change: float) -> torch.Tensor:
    """Multiply images (B, 3, H, W) in [0, 1] by 1 + change."""
    return (images * (1 + change)).clamp(0, 1)


def adjust_contrast(images: torch.Tensor, change: float) -> torch.Tensor:
    """Stretch images (B, 3, H, W) in [0, 1] by 1 + change around each image's mean grey."""
    mean = _grey(images).mean(dim=(-2, -1), keepdim=True)
    return (mean + (images - mean) * (1 + change)).clamp(0, 1)


def adjust_saturation(images: torch.Tensor, change: float) -> torch.Tensor:
    """Stretch images (B, 3, H, W) in [0, 1] by 1 + change around each pixel's grey."""
    grey = _grey(images)
    return (grey + (images - grey) * (1 + change)).clamp(0, 1)


def adjust_hue(images: torch.Tensor, turns: float) -> torch.Tensor:
    """Turn the HSV hue of images (B, 3, H, W) in [0, 1] by -0.5 to 0.5 turns; greys do not change."""
    red, green, blue = images.unbind(dim=1)
    value, low = images.amax(dim=1), images.amin(dim=1)
    chroma = value - low  # (B, H, W)
    safe = chroma.clamp(min=1e-12)
    hue = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )  # in sixths of a turn
    hue = hue + 6 * turns

    def channel(offset: int) -> torch.Tensor:
        phase = torch.remainder(offset + hue, 6)
        return value - chroma * torch.minimum(phase, 4 - phase).clamp(0, 1)

    return torch.stack([channel(5), channel(3), channel(1)], dim=1)


def gaussian_blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur images (B, 3, H, W) with a Gaussian of `sigma` pixels, mirrored at the border.

    The kernel ends at 5 sigma; the official one, a tenth of the image wide, holds nothing but zeros beyond that.
    """
    radius = min(math.ceil(5 * sigma), min(images.shape[-2:]) - 1)
    positions = torch.arange(-radius, radius + 1, device=images.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (positions / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(images.dtype)
    channels = images.shape[1]
    padded = functional.pad(images, (radius,) * 4, mode="reflect")
    rows = functional.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return functional.conv2d(rows, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


def _grey(images: torch.Tensor) -> torch.Tensor:
    weights = torch.tensor(_GREY, device=images.device, dtype=images.dtype).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)
