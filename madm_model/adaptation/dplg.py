# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Diffusion-based pseudo-label generation: how much noise, and which, the teacher's latent gets (DPLG).

Source: paper section 3.2, specification section 8.
"""

from __future__ import annotations

import numpy as np
import torch

from madm_model.adaptation.config import DPLGConfig


def annealed_step(initial_step: int, iteration: int, noise_period: int) -> int:
    """floor(t0 (1 - k / E)) up to iteration E, then 0.

    Args:
        initial_step: t0, the diffusion step at iteration 0.
        iteration: k, counted from 0.
        noise_period: E, in iterations.
    """
    if iteration >= noise_period:
        return 0
    # In integers: in floating point 60 (1 - 1000 / 5000) may fall short of 48.
    return initial_step * (noise_period - iteration) // noise_period


def draw_noise_step(config: DPLGConfig | None, iteration: int, rng: np.random.Generator) -> int:
    """The diffusion step of the teacher's pass; 0 without DPLG."""
    if config is None:
        return 0
    low, high = config.initial_steps
    return annealed_step(int(rng.integers(low, high, endpoint=True)), iteration, config.noise_period)


def draw_noise(
    config: DPLGConfig | None, noise_step: int, shape: tuple[int, ...], rng: np.random.Generator
) -> torch.Tensor | None:
    """Standard normal noise float32 of a latent's shape (B, 4, h, w); None stands for the network's fixed noise.

    Step 0 is a clean pass, which never has sampled noise.
    """
    if config is None or config.noise == "fixed" or noise_step == 0:
        return None
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))
