# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The one noise tensor MADM adds to every latent, clean passes included.

Source: specification section 7; the paper describes it as sampled, the official code keeps it fixed (section 18, 7).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler

NOISE_SIZE = 64
NOISE_SEED = 42


def make_shared_noise(channels: int = 4) -> torch.Tensor:
    """Standard normal noise, float32 (1, channels, 64, 64), from the CPU generator with seed 42."""
    generator = torch.Generator("cpu").manual_seed(NOISE_SEED)
    return torch.randn(1, channels, NOISE_SIZE, NOISE_SIZE, generator=generator, device="cpu")


def add_noise(scheduler: DDPMScheduler, latent: torch.Tensor, noise: torch.Tensor, timestep: int) -> torch.Tensor:
    """The forward diffusion process at one integer step: sqrt(a_t) z + sqrt(1 - a_t) n.

    Computed in float32, because 1 - a_0 = 0.00085 is lost in half precision.

    Args:
        scheduler: gives a_t.
        latent: z, (B, 4, h, w).
        noise: n, (B, 4, h, w), or (1, 4, 64, 64), which is bicubic-resized and the same for every image.
        timestep: t, 0 to 999; t = 0 still adds noise of sigma 0.029.

    Returns:
        (B, 4, h, w), in the latent's dtype.
    """
    noise = noise.to(latent.device, torch.float32)
    if latent.shape[-2:] != noise.shape[-2:]:
        noise = F.interpolate(noise, size=latent.shape[-2:], mode="bicubic", align_corners=False)
    steps = torch.full((latent.shape[0],), timestep, dtype=torch.long, device=latent.device)
    return scheduler.add_noise(latent.float(), noise.expand_as(latent), steps).to(latent.dtype)
