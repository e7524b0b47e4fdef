# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Pixel-wise contrast: which pixels are compared, the loss by hand, and its place in a step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from madm_model.adaptation.config import AdaptationConfig, PixelContrastConfig, SelfTrainingConfig
from madm_model.adaptation.pixel_contrast import PixelContrast, choose_pixels, contrastive_loss
from madm_model.adaptation.self_training import SelfTraining
from madm_model.labels import STREET_11
from madm_model.training.config import OptimizerConfig
from madm_model.training.stage import StageConfig, run_iterations


def test_loss_by_hand():
    embedded = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
    loss = contrastive_loss(embedded, torch.tensor([0, 0, 1]), 0.5, 0.25)
    # Pixel 0: positive 0.6, negative 0; pixel 1: positive 0.6, negative 0.8; pixel 2 has no positive.
    first = -np.log(np.exp(1.2) / (np.exp(1.2) + np.exp(0.0)))
    second = -np.log(np.exp(1.2) / (np.exp(1.2) + np.exp(1.6)))
    assert loss.item() == pytest.approx(2 * (first + second) / 2, rel=1e-5)


def test_without_positives_there_is_nothing_to_learn():
    assert contrastive_loss(torch.eye(2), torch.tensor([0, 1]), 0.1, 0.07).item() == 0


def test_half_of_the_pixels_are_hard_ones():
    labels = np.zeros((1, 4, 8), np.int64)
    labels[0, :, 6:] = 255
    predicted = np.zeros_like(labels)
    predicted[0, 0] = 3  # 6 of the 24 pixels of class 0 are wrong
    config = PixelContrastConfig(max_views=8)
    places, classes = choose_pixels(labels, predicted, config, np.random.default_rng(0))
    assert classes.tolist() == [0] * 8
    assert len({tuple(place) for place in places.T}) == 8
    assert (places[2] < 6).all()
    assert (places[1] == 0).sum() == 4
    # Fewer hard ones than half: easy ones take their place.
    predicted[0, 0, 2:] = 0
    places, _ = choose_pixels(labels, predicted, config, np.random.default_rng(0))
    assert (predicted[places[0], places[1], places[2]] == 3).sum() == 2
    # Fewer easy ones than half: hard ones take theirs.
    predicted[0] = 3
    predicted[0, 1, 1] = 0
    places, _ = choose_pixels(labels, predicted, config, np.random.default_rng(0))
    assert places.shape == (3, 8)


def test_classes_share_the_samples_and_small_ones_are_left_out():
    labels = np.repeat(np.arange(3), 20)[None, None, :60]
    labels[0, 0, 55:] = 255  # class 2 has 15 pixels left
    config = PixelContrastConfig(max_samples=20, max_views=16)
    places, classes = choose_pixels(labels, labels, config, np.random.default_rng(0))
    assert np.bincount(classes).tolist() == [10, 10]
    assert np.array_equal(labels[0, 0, places[2]], classes)
    assert choose_pixels(labels, labels, replace(config, max_views=30), np.random.default_rng(0))[1].size == 0


def test_too_few_pixels_cost_nothing():
    contrast = PixelContrast((4, 4), PixelContrastConfig())
    features = [torch.ones(1, 4, 4, 4), torch.ones(1, 4, 2, 2)]
    labels = torch.zeros(1, 8, 8, dtype=torch.int64)
    assert contrast(features, labels, labels, np.random.default_rng(0)).item() == 0


def test_a_step_trains_the_embedding_and_resumes(make_network, data, tmp_path):
    method = SelfTrainingConfig(pixel_contrast=PixelContrastConfig(max_views=4, embedding=8))
    config = AdaptationConfig(
        iterations=2, self_training=method, optimizer=OptimizerConfig(1e-3, 0.0, 1.0, warmup_iterations=0)
    )

    def train(name: str, stop_at: int) -> SelfTraining:
        trainer = SelfTraining(make_network(), STREET_11, data, config)
        stage = StageConfig("t", 2, config.optimizer, 0)
        (tmp_path / name).mkdir(exist_ok=True)
        run_iterations(stage, trainer, tmp_path / name, Console(quiet=True), lambda done, _: done != stop_at)
        return trainer

    start = SelfTraining(make_network(), STREET_11, data, config).contrast.embed[0].weight
    statistics = SelfTraining(make_network(), STREET_11, data, config).step(0)
    assert statistics.losses["source_contrast"] > 0
    assert statistics.gradient_norms["contrast"] > 0
    whole = train("whole", 0)
    train("broken", 1)
    resumed = train("broken", 0)
    assert not torch.equal(whole.contrast.embed[0].weight, start)
    for name, value in whole.contrast.state_dict().items():
        assert torch.equal(resumed.contrast.state_dict()[name], value), name
    assert not any("contrast" in name for name in whole.finish().state_dict())
