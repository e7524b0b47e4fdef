# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""First stage of the embedded model: an autoencoder for frames of all modalities and for label images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from madm_model.labels import STREET_11
from madm_model.training.config import POOL_MODALITIES
from madm_model.training.frame_pool import FramePool
from madm_model.training.label_palette import label_images
from madm_model.training.stage import Step

_SCALE = (0.8, 1.6)


@dataclass(frozen=True)
class VAEStage:
    """Data and loss of the autoencoder stage."""

    iterations: int
    """Length of the stage."""
    batch_size: int = 8
    """Images per step."""
    crop: tuple[int, int] = (48, 64)
    """Height and width of a training crop in pixels."""
    kl_weight: float = 1e-6
    """Weight of the Kullback-Leibler term, as in Stable Diffusion's autoencoder."""
    edge_weight: float = 1.0
    """Weight of the L1 difference of image gradients: keeps thin objects sharp without an adversary."""
    anchor_weight: float = 1.0
    """Weight, at the start, of the L1 distance of three latent channels to the shrunk image; falls to 0 at half of
    the stage. Without it so narrow a network spends all four channels on brightness and stays grey."""


def quieten(vae: AutoencoderKL) -> None:
    """Let a fresh autoencoder sample its latents with a standard deviation of 0.05: it learns from its means."""
    with torch.no_grad():
        vae.quant_conv.bias.chunk(2)[1].fill_(-6.0)  # the log-variances


def vae_step(vae: AutoencoderKL, pool: FramePool, config: VAEStage, seed: int) -> Step:
    """Losses of one iteration: anchor, L1, gradient L1 and KL on a batch drawn from every modality and label images."""

    def step(iteration: int) -> dict[str, torch.Tensor]:
        images = _batch(pool, np.random.default_rng([seed, iteration]), config)  # (B, 3, H, W)
        posterior = vae.encode(images).latent_dist  # (B, 4, h, w)
        decoded = vae.decode(posterior.sample()).sample  # (B, 3, H, W)
        shrunk = functional.adaptive_avg_pool2d(images, posterior.mean.shape[-2:])  # (B, 3, h, w)
        anchor = config.anchor_weight * max(0.0, 1 - 2 * iteration / config.iterations)
        return {
            "anchor": anchor * functional.l1_loss(posterior.mean[:, :3], 2 * shrunk),
            "l1": functional.l1_loss(decoded, images),
            "edges": config.edge_weight * _edge_loss(decoded, images),
            "kl": config.kl_weight * posterior.kl().mean(),
        }

    return step


def _batch(pool: FramePool, rng: np.random.Generator, config: VAEStage) -> torch.Tensor:
    """A quarter each: rgb, thermal, depth, and label images (half of those in random colours)."""
    per_kind = config.batch_size // 4
    frames = [pool.crops(rng, name, per_kind, config.crop, _SCALE)[0] for name in POOL_MODALITIES]
    _, labels = pool.crops(rng, "rgb", per_kind, config.crop, _SCALE)
    painted = label_images(labels, STREET_11)
    colours = torch.from_numpy(rng.uniform(-1, 1, (256, 3)).astype(np.float32))
    recoloured = colours[labels].permute(0, 3, 1, 2)
    odd = (torch.arange(per_kind) % 2 == 1)[:, None, None, None]
    return torch.cat([*frames, torch.where(odd, recoloured, painted)])


def _edge_loss(decoded: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    difference = decoded - images
    return difference.diff(dim=-1).abs().mean() + difference.diff(dim=-2).abs().mean()


@torch.no_grad()
def latent_scaling(vae: AutoencoderKL, draw: Callable[[int], torch.Tensor], batches: int = 8) -> float:
    """One over the standard deviation of the latent means, so that scaled latents have variance 1."""
    means = torch.cat([vae.encode(draw(index)).latent_dist.mode() for index in range(batches)])
    return float(1 / means.std())
