"""A network small enough to train in a test, and random data for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from madm_model.adaptation.data import LabelledBatch
from madm_model.architecture import TINY
from madm_model.labels import STREET_11
from madm_model.network.madm import MADM

MINIATURE = replace(
    TINY,
    name="miniature",
    unet_block_out_channels=(8, 8, 16, 16),
    unet_attention_heads=2,
    unet_norm_num_groups=4,
    cross_attention_dim=8,
    vae_block_out_channels=(4, 8),
    vae_norm_num_groups=2,
    projection_bottleneck=8,
    projection_out=(8, 12, 12, 12),
    projection_norm_num_groups=4,
    head_channels=8,
)


class RandomData:
    """Blocks of noise with labels in blocks; one image of 32x48 each."""

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        labels = torch.from_numpy(np.kron(rng.integers(0, 11, (2, 3)), np.ones((16, 16), np.int64)))[None]
        labels[:, :4, :4] = 255
        return LabelledBatch(self.target(rng), labels)

    def target(self, rng: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(-1, 1, (1, 3, 32, 48)).astype(np.float32))


@pytest.fixture
def make_network():
    def make() -> MADM:
        torch.manual_seed(0)
        return MADM(MINIATURE, len(STREET_11))

    return make


@pytest.fixture
def data() -> RandomData:
    return RandomData()
