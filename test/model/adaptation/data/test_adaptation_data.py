# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Batches from frame pools: source with rare classes, target without labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from madm_model.adaptation.data.batches import FramePoolData
from madm_model.adaptation.data.rare_class_sampling import RareClassConfig
from madm_model.training.appearance import AppearanceConfig
from madm_model.training.config import POOL_MODALITIES
from madm_model.training.frame_pool import FramePool

FRAMES, HEIGHT, WIDTH = 20, 32, 48


@pytest.fixture
def pool(tmp_path) -> FramePool:
    """Frames whose grey is the frame's number plus 100 per modality; only frame 7 shows class 3, in its left part."""
    for index, name in enumerate(POOL_MODALITIES):
        values = np.arange(FRAMES, dtype=np.uint8)[:, None, None, None] + np.uint8(100 * index)
        np.save(tmp_path / f"{name}.npy", np.broadcast_to(values, (FRAMES, HEIGHT, WIDTH, 3)))
    labels = np.zeros((FRAMES, HEIGHT, WIDTH), np.uint8)
    labels[7, :, :12] = 3
    np.save(tmp_path / "labels.npy", labels)
    return FramePool(tmp_path)


def frame_numbers(images: torch.Tensor, modality: str) -> set[int]:
    return {round(value) - 100 * POOL_MODALITIES.index(modality) for value in ((images + 1) * 127.5).unique().tolist()}


def test_shapes_and_modalities(pool):
    data = FramePoolData(pool, pool, "thermal", 11, batch_size=4, crop=(16, 24))
    images, labels, _ = data.source(np.random.default_rng(0))
    assert images.shape == (4, 3, 16, 24)
    assert images.dtype == torch.float32
    assert labels.shape == (4, 16, 24)
    assert labels.dtype == torch.int64
    assert frame_numbers(images, "rgb") <= set(range(FRAMES))
    target = data.target(np.random.default_rng(0))
    assert target.shape == images.shape
    assert frame_numbers(target, "thermal") <= set(range(FRAMES))


def test_generator_decides_everything(pool):
    data = FramePoolData(pool, pool, "depth", 11, 2, (16, 24), rare_classes=RareClassConfig())
    first, again = (data.source(np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)


def test_appearance_changes_the_source_and_not_the_target(pool):
    plain, varied = (
        FramePoolData(pool, pool, "thermal", 11, 4, (16, 24), (1.0, 1.0), appearance=appearance)
        for appearance in (None, AppearanceConfig(0.0, 1.0))
    )
    # flat frames stay flat, with noise: only frames that keep their colours are exactly flat
    spread = [data.source(np.random.default_rng(0)).images.std(dim=(1, 2, 3)) for data in (plain, varied)]
    assert (spread[0] == 0).all()
    assert (spread[1] > 0).all()
    assert torch.equal(plain.target(np.random.default_rng(0)), varied.target(np.random.default_rng(0)))


def test_rare_class_is_drawn_and_shown(pool):
    data = FramePoolData(pool, pool, "thermal", 11, 1, (16, 16), (1.0, 1.0), RareClassConfig(crop_share=0.2))
    batches = [data.source(np.random.default_rng(seed)) for seed in range(20)]
    # class 3 has 1/80 of the pixels: at temperature 0.01, practically every draw is for it
    assert {number for batch in batches for number in frame_numbers(batch.images, "rgb")} == {7}
    shown = [(batch.labels == 3).float().mean().item() > 0.2 for batch in batches]
    assert np.mean(shown) > 0.9
