# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Denoising pre-training in place of Stable Diffusion's: the second stage of the embedded model, and of the probe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import torch
from torch.nn import functional

from madm_model.network.madm import MADM
from madm_model.training.config import POOL_MODALITIES
from madm_model.training.frame_pool import FramePool, one_opencv_thread
from madm_model.training.precision import Precision, autocast
from madm_model.training.stage import Step
from madm_model.training.views import stack_images

_ENCODED_AT_ONCE = 16  # of 192x256, a CPU takes half as long for each as in batches of 64


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
    """Loss of one iteration on fresh crops of a pool; see `noise_prediction_step`."""
    per_kind = config.batch_size // len(POOL_MODALITIES)

    def draw(rng: np.random.Generator) -> torch.Tensor:
        images = [pool.crops(rng, name, per_kind, config.crop, config.scale)[0] for name in POOL_MODALITIES]
        return network.encode(torch.cat(images).to(network.shared_noise.device))

    return noise_prediction_step(network, draw, seed)


def noise_prediction_step(
    network: MADM,
    draw: Callable[[np.random.Generator], torch.Tensor],
    seed: int,
    precision: Precision = "float32",
) -> Step:
    """Loss of one iteration: the mean squared error of the predicted noise at random timesteps.

    Args:
        network: whose UNet learns, on any device.
        draw: gives clean latents (B, 4, h, w) on that device.
        seed: with the iteration's number, decides what is drawn.
        precision: autocast type of the UNet's pass.
    """

    def step(iteration: int) -> dict[str, torch.Tensor]:
        latents = draw(np.random.default_rng([seed, iteration]))  # (B, 4, h, w)
        timesteps = torch.randint(network.scheduler.config.num_train_timesteps, (len(latents),)).to(latents.device)
        noise = torch.randn_like(latents)
        with autocast(latents.device, precision):
            predicted = predict_noise(network, latents, noise, timesteps)  # (B, 4, h, w)
        return {"denoising": functional.mse_loss(predicted.float(), noise)}

    return step


def predict_noise(network: MADM, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
    """What the UNet takes for the noise in latents.

    It sees the empty prompt's embedding and the plain time embedding, no labels: the modality's learned condition
    comes later.

    Args:
        network: its UNet is asked.
        latents: clean, float32 (B, 4, h, w).
        noise: the same shape.
        timesteps: int64 (B,), 0 to 999.
    """
    noisy = network.scheduler.add_noise(latents, noise, timesteps)
    prompt = network.uncond_inputs.expand(len(latents), -1, -1)
    no_time_vector = latents.new_zeros(1, 4 * network.architecture.unet_block_out_channels[0])
    return network.unet(noisy, timesteps, prompt, class_labels=no_time_vector).sample


class LatentPool:
    """Latents of random views of unlabelled frames, encoded once: the autoencoder is frozen, its passes need no repeat.

    Attributes:
        latents: by modality, float16 (N, 4, h, w) on the network's device.
    """

    def __init__(
        self,
        network: MADM,
        pools: Sequence[FramePool],
        modalities: Sequence[str],
        views: int,
        crop: tuple[int, int],
        scale: tuple[float, float],
        seed: int,
    ) -> None:
        """Encode.

        Args:
            network: its autoencoder encodes.
            pools: frames; their labels are not read.
            modalities: of the pools, those that are wanted.
            views: random views of every frame.
            crop: height and width of a view in pixels.
            scale: smallest and largest magnification of a frame.
            seed: decides the views.
        """
        places = [(pool, index, view) for pool in pools for index in range(len(pool)) for view in range(views)]

        def view_of(place: tuple[FramePool, int, int], modality: str) -> np.ndarray:
            pool, index, view = place
            return pool.crop(np.random.default_rng([seed, index, view]), modality, index, crop, scale)[0]

        def views_of(modality: str, executor: ThreadPoolExecutor) -> Iterator[np.ndarray]:
            for first in range(0, len(places), _ENCODED_AT_ONCE):  # not all at once: they would fill the memory
                yield from executor.map(view_of, places[first : first + _ENCODED_AT_ONCE], repeat(modality))

        with one_opencv_thread(), ThreadPoolExecutor() as executor:
            self.latents = {name: encode_images(network, views_of(name, executor)) for name in modalities}

    def draw(self, rng: np.random.Generator, count: int) -> torch.Tensor:
        """Random latents, as many of each modality: float32 (count x modalities, 4, h, w)."""
        chosen = [
            latents[torch.from_numpy(rng.integers(len(latents), size=count)).to(latents.device)]
            for latents in self.latents.values()
        ]
        return torch.cat(chosen).float()


def encode_images(network: MADM, images: Iterator[np.ndarray]) -> torch.Tensor:
    """Latents of uint8 (H, W, 3) images of one size: float16 (N, 4, h, w) on the network's device."""
    device, batch, latents = network.shared_noise.device, [], []
    for image in images:
        batch.append(image)
        if len(batch) == _ENCODED_AT_ONCE:
            latents.append(network.encode(stack_images(batch).to(device)).half())
            batch = []
    if batch:
        latents.append(network.encode(stack_images(batch).to(device)).half())
    return torch.cat(latents)
