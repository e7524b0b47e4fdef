# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Label palette: labels as colour images, and those as latents (paper section 3.3, specification section 9)."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL

from madm_model.labels import LabelSet, colour_table


def label_images(labels: torch.Tensor, label_set: LabelSet) -> torch.Tensor:
    """Paint labels in the palette's colours, as a network input.

    Args:
        labels: int64 (B, H, W), class ids or 255 (painted black).
        label_set: gives the colours.

    Returns:
        float32 (B, 3, H, W) in [-1, 1].
    """
    table = torch.from_numpy(colour_table(label_set)).to(labels.device)
    return table[labels].permute(0, 3, 1, 2).float() / 127.5 - 1.0


@torch.no_grad()
def encode_labels(vae: AutoencoderKL, scaling: float, labels: torch.Tensor, label_set: LabelSet) -> torch.Tensor:
    """The latent a perfect UNet would regress for these labels.

    Args:
        vae: the frozen autoencoder.
        scaling: the architecture's `latent_scaling`.
        labels: int64 (B, H, W), class ids or 255.
        label_set: gives the colours.

    Returns:
        float (B, 4, h, w), in the VAE's dtype.
    """
    images = label_images(labels, label_set).to(vae.dtype)  # (B, 3, H, W)
    return vae.encode(images).latent_dist.mode() * scaling  # (B, 4, h, w)
