# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Masked image consistency: which blocks are hidden, and what the student learns on the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from madm_model.adaptation.config import AdaptationConfig, MaskedConsistencyConfig, SelfTrainingConfig
from madm_model.adaptation.masked_consistency import block_side, hide_blocks, visible_blocks
from madm_model.adaptation.self_training import SelfTraining
from madm_model.labels import STREET_11


def test_blocks_are_as_large_a_part_of_every_crop():
    config = MaskedConsistencyConfig()
    assert block_side(config, 512, 512) == 64
    assert block_side(config, 192, 256) == 24
    assert block_side(config, 4, 4) == 1


def test_whole_blocks_are_hidden():
    config = MaskedConsistencyConfig(block_size=128, mask_ratio=0.5)
    visible = visible_blocks(config, (2, 10, 16), np.random.default_rng(1))  # blocks of 10 * 128 / 512 = 2 pixels
    drawn = np.random.default_rng(1).random((2, 5, 8)) >= 0.5
    assert visible.shape == (2, 1, 10, 16)
    for image in range(2):
        for row in range(10):
            for column in range(16):
                assert visible[image, 0, row, column] == drawn[image, row // 2, column // 2]


def test_the_share_is_the_ratio_and_what_is_hidden_is_mid_grey():
    images = torch.full((1, 3, 512, 512), 0.5)
    hidden = hide_blocks(images, MaskedConsistencyConfig(block_size=4), np.random.default_rng(0))
    assert set(hidden.unique().tolist()) == {0.0, 0.5}
    assert (hidden == 0).float().mean().item() == pytest.approx(0.7, abs=0.01)
    assert torch.equal(hidden[:, 0], hidden[:, 2])
    assert torch.equal(hide_blocks(images, MaskedConsistencyConfig(0.0), np.random.default_rng(0)), images)


def test_a_step_learns_the_pseudo_labels_on_the_masked_image(make_network, data):
    def first_step(config: MaskedConsistencyConfig | None):
        method = SelfTrainingConfig(pseudo_threshold=0.5, augmentation=None, masked_consistency=config)
        trainer = SelfTraining(
            make_network(), STREET_11, data, AdaptationConfig(iterations=2, dropout=0.0, self_training=method)
        )
        certain = torch.zeros(1, 11, 32, 48)
        certain[:, 4] = 10.0
        trainer.teacher.logits = lambda *_: certain
        return trainer.step(0)

    plain, masked = first_step(None), first_step(MaskedConsistencyConfig(weight=2.0))
    assert masked.losses.keys() - plain.losses.keys() == {"masked_segmentation"}
    assert plain.losses.items() <= masked.losses.items()
    assert masked.gradient_norm != plain.gradient_norm
    # Nothing hidden and certain labels: the loss is the plain cross entropy of class 4 on the target.
    target = data.target(np.random.default_rng([42, 0, 0, 1]))
    network = make_network().train()
    network.head.dropout.p = 0.0
    expected = -network(target).logits.log_softmax(1)[:, 4].mean().item()
    shown = first_step(MaskedConsistencyConfig(mask_ratio=0.0, weight=2.0))
    assert shown.losses["masked_segmentation"] == pytest.approx(2 * expected, rel=1e-3)


@pytest.mark.parametrize(("name", "value"), [("mask_ratio", 1.0), ("block_size", 0), ("weight", 0.0)])
def test_settings_are_checked(name, value):
    with pytest.raises(ValueError, match=name):
        replace(MaskedConsistencyConfig(), **{name: value})
