# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The two losses of MADM (specification sections 9.2 and 12)."""

from __future__ import annotations

import torch
from torch.nn import functional

from madm_model.labels import IGNORE


def segmentation_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    pixel_weight: torch.Tensor | None = None,
    offset: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross entropy, averaged over all pixels: ignored ones add zero but count in the average.

    Args:
        logits: float (B, K, h, w), resized bilinearly to the labels' size.
        labels: int64 (B, H, W), class ids or `IGNORE`.
        pixel_weight: float (B, H, W), multiplied onto each pixel's loss; None means 1.
        offset: float, broadcast to (B, K, H, W), added to the logits; None means 0.

    Returns:
        float scalar.
    """
    if logits.shape[-2:] != labels.shape[-2:]:
        logits = functional.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=False)
    if offset is not None:
        logits = logits + offset
    losses = functional.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none")
    return (losses if pixel_weight is None else losses * pixel_weight).mean()


def latent_regression_loss(
    latent: torch.Tensor, target_latent: torch.Tensor, labels: torch.Tensor, image_weight: float = 1.0
) -> torch.Tensor:
    """Masked L1 between the UNet's output and the VAE latent of the label image (LPLR).

    The sum runs over latent pixels whose label (nearest-downsampled) is not `IGNORE`; the
    divisor is the number of all elements, masked ones included, as officially.

    Args:
        latent: float (B, 4, h, w), the UNet's output.
        target_latent: float (B, 4, h, w), from `label_palette.encode_labels`.
        labels: int64 (B, H, W), class ids or `IGNORE`.
        image_weight: the pseudo-label quality weight of a mixed image, 1 for source images.

    Returns:
        float scalar.
    """
    mask = functional.interpolate((labels != IGNORE)[:, None].to(latent.dtype), latent.shape[-2:], mode="nearest")
    return ((latent - target_latent).abs() * mask * image_weight).mean()
