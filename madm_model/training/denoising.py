# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Second stage of the embedded model: denoising pre-training, in place of Stable Diffusion's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from madm_model.network.madm import MADM
from madm_model.training.frame_pool import POOL_MODALITIES, FramePool
from madm_model.training.stage import Step


@dataclass(frozen=True)
class DenoisingStage:
    """Data of the denoising stage."""

    batch_size: int = 12
    """Images per step, a third of each modality."""
    crop: tuple[int, int] = (128, 160)
    """Height and width of a training crop in pixels."""
    scale: tuple[float, float] = (0.8, 1.6)
    """Smallest and largest magnification of a frame."""


def denoising_step(network: MADM, pool: FramePool, config: DenoisingStage, seed: int) -> Step:
    """Loss of one iteration: the mean squared error of the predicted noise at random timesteps.

    The UNet sees the empty prompt's embedding and the plain time embedding, no labels: the modality's
    learned condition comes later.
    """
    scheduler = network.scheduler
    no_time_vector = torch.zeros(1, 4 * network.architecture.unet_block_out_channels[0])

    def step(iteration: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([seed, iteration])
        per_kind = config.batch_size // len(POOL_MODALITIES)
        images = [pool.crops(rng, name, per_kind, config.crop, config.scale)[0] for name in POOL_MODALITIES]
        latents = network.encode(torch.cat(images))  # (B, 4, h, w)
        timesteps = torch.randint(scheduler.config.num_train_timesteps, (len(latents),))
        noise = torch.randn_like(latents)
        noisy = scheduler.add_noise(latents, noise, timesteps)
        prompt = network.uncond_inputs.expand(len(latents), -1, -1)
        predicted = network.unet(noisy, timesteps, prompt, class_labels=no_time_vector).sample  # (B, 4, h, w)
        return {"denoising": functional.mse_loss(predicted, noise)}

    return step
