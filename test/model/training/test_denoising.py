# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Denoising pre-training: what is drawn, and that latents kept are those that would be computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from adaptation_samples import MINIATURE

from madm_model.network.madm import MADM
from madm_model.training.denoising import LatentPool, noise_prediction_step
from madm_model.training.frame_pool import FramePool
from madm_model.training.views import stack_images


@pytest.fixture
def pool() -> FramePool:
    pool, rng = object.__new__(FramePool), np.random.default_rng(0)
    pool.images = {name: rng.integers(256, size=(3, 32, 48, 3)).astype(np.uint8) for name in ("rgb", "depth")}
    pool.labels = np.zeros((3, 32, 48), np.uint8)
    return pool


def test_latents_of_views_are_kept_by_modality(pool) -> None:
    torch.manual_seed(0)
    network = MADM(MINIATURE, 11).eval()
    latents = LatentPool(network, [pool, pool], ["rgb", "depth"], 2, (16, 32), (1.0, 1.5), seed=3)
    assert {name: tuple(values.shape) for name, values in latents.latents.items()} == {
        name: (12, 4, 8, 16) for name in ("rgb", "depth")
    }
    view = pool.crop(np.random.default_rng([3, 1, 1]), "depth", 1, (16, 32), (1.0, 1.5))[0]
    expected = network.encode(stack_images([view]))
    assert torch.allclose(latents.latents["depth"][3].float(), expected[0], atol=2e-3)
    drawn = latents.draw(np.random.default_rng(0), 3)
    assert drawn.shape == (6, 4, 8, 16) and drawn.dtype == torch.float32
    assert any(torch.equal(drawn[5], latent.float()) for latent in latents.latents["depth"])


def test_only_the_unet_learns_to_tell_the_noise(pool) -> None:
    torch.manual_seed(0)
    network = MADM(MINIATURE, 11)
    step = noise_prediction_step(network, lambda rng: torch.ones(2, 4, 8, 8) * rng.random(), seed=0)
    torch.manual_seed(1)
    first = step(0)["denoising"]
    torch.manual_seed(1)
    assert torch.equal(step(0)["denoising"], first)
    first.backward()
    assert network.unet.conv_out.weight.grad.abs().sum() > 0
    assert network.condition.prompt_embed.grad is None and network.head.classifier.weight.grad is None


def test_it_learns_on_the_device_of_the_network() -> None:
    with torch.device("meta"):  # of a GPU as much as of any other that is not the CPU
        network = MADM(MINIATURE, 11).to("meta")
    step = noise_prediction_step(network, lambda _rng: torch.zeros(2, 4, 8, 8, device="meta"), seed=0)
    assert step(0)["denoising"].device.type == "meta"
