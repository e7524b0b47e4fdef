# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Logit adjustment: which bias, in which losses, and what a later training makes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from madm_model.adaptation.config import AdaptationConfig, MaskedConsistencyConfig, SelfTrainingConfig
from madm_model.adaptation.logit_adjustment import class_bias, label_shares
from madm_model.adaptation.self_training import SelfTraining
from madm_model.labels import STREET_11
from madm_model.training.losses import segmentation_loss

SHARES = np.array([0.2, 0.2, 0.01, 0.006, 0.01, 0.3, 0.1, 0.1, 0.06, 0.0, 0.014])
CONFIG = AdaptationConfig(
    iterations=4,
    dropout=0.0,
    self_training=SelfTrainingConfig(0.05, augmentation=None),
    lplr=None,
    logit_adjustment=0.25,
)


@pytest.fixture
def shared_data(data):
    data.class_shares = lambda: SHARES
    return data


def test_rare_classes_get_more_and_unknown_ones_nothing():
    bias = class_bias(0.25, SHARES)
    assert bias[5] == 0  # the commonest
    assert bias[3] == pytest.approx(0.25 * np.log(0.3 / 0.006), rel=1e-5)
    assert bias[9] == 0  # in no source image
    assert class_bias(0.25, 1000 * SHARES) == pytest.approx(bias)
    assert class_bias(1.0, np.array([1.0, 1e-9]))[1] == pytest.approx(np.log(1000), rel=1e-3)  # as if a thousandth


def test_an_offset_is_added_to_the_logits_at_the_size_of_the_labels():
    torch.manual_seed(0)
    logits, labels = torch.randn(1, 4, 3, 5), torch.randint(0, 4, (1, 6, 10))
    offset = torch.randn(1, 4, 6, 10)
    large = functional.interpolate(logits, (6, 10), mode="bilinear", align_corners=False)
    expected = functional.cross_entropy(large + offset, labels)
    assert segmentation_loss(logits, labels, offset=offset) == pytest.approx(expected.item(), rel=1e-5)


def test_losses_are_without_the_bias_and_pseudo_labels_may_have_it(make_network, shared_data):
    plain = SelfTraining(make_network(), STREET_11, shared_data, replace(CONFIG, logit_adjustment=0.0))
    adjusted = SelfTraining(make_network(), STREET_11, shared_data, CONFIG)
    bias = torch.from_numpy(class_bias(0.25, SHARES))
    change = adjusted.network.head.classifier.bias - plain.network.head.classifier.bias
    assert change.tolist() == pytest.approx(bias.tolist(), abs=1e-6)

    images = shared_data.target(np.random.default_rng(0))
    difference = adjusted.opinion(images, 0) - plain.opinion(images, 0)
    assert torch.allclose(difference, bias[:, None, None].expand_as(difference), atol=1e-4)  # the teacher has it

    labelled_with = SelfTraining(make_network(), STREET_11, shared_data, replace(CONFIG, adjusted_labels=True))
    first, second, third = plain.step(0), adjusted.step(0), labelled_with.step(0)
    assert second.losses == pytest.approx(first.losses, rel=1e-3)  # as without, the target's too
    assert third.losses["source_segmentation"] == pytest.approx(first.losses["source_segmentation"], rel=1e-4)
    assert third.losses["target_segmentation"] != pytest.approx(first.losses["target_segmentation"], rel=1e-2)
    seen = {name: statistics.target[0].certain for name, statistics in (("plain", first), ("adjusted", second))}
    assert seen["adjusted"] == pytest.approx(seen["plain"], nan_ok=True)


def test_a_network_trained_with_adjustment_is_the_one_without_and_its_bias(make_network, shared_data) -> None:
    masked = replace(CONFIG.self_training, masked_consistency=MaskedConsistencyConfig())
    trained = []
    for strength in (0.0, 0.25):
        config = replace(CONFIG, self_training=masked, logit_adjustment=strength)
        trainer = SelfTraining(make_network(), STREET_11, shared_data, config)
        for iteration in range(2):
            torch.manual_seed(iteration)
            trainer.step(iteration)
        trained.append(trainer.finish().head.classifier.bias)
    assert torch.allclose(trained[1] - trained[0], torch.from_numpy(class_bias(0.25, SHARES)), atol=1e-4)


def test_a_later_training_takes_the_earlier_bias_back(make_network, shared_data):
    first = SelfTraining(make_network(), STREET_11, shared_data, CONFIG)
    assert first.bias_to_keep == pytest.approx(class_bias(0.25, SHARES).tolist())
    network = first.finish()
    before = network.head.classifier.bias.clone()
    again = SelfTraining(network, STREET_11, shared_data, CONFIG, held_bias=first.bias_to_keep)
    assert torch.allclose(again.network.head.classifier.bias, before)
    without = replace(CONFIG, logit_adjustment=0.0)
    last = SelfTraining(again.finish(), STREET_11, shared_data, without, held_bias=again.bias_to_keep)
    assert torch.allclose(last.network.head.classifier.bias, make_network().head.classifier.bias, atol=1e-6)
    assert last.bias_to_keep == ()


@torch.no_grad()
def make_biased(network):
    network.head.classifier.bias[5] += 2.0
    return network


def test_the_prior_may_be_that_of_the_networks_own_labels_of_the_target(make_network, shared_data):
    network = make_biased(make_network())
    batches = [shared_data.target(np.random.default_rng(seed)) for seed in range(2)]
    shares = label_shares(network, batches)
    network.eval()
    labels = np.concatenate([network(images).logits.argmax(dim=1).flatten().numpy() for images in batches])
    assert shares == pytest.approx(np.bincount(labels, minlength=len(STREET_11)) / labels.size)
    assert 0 < shares[5] < 1 and shares.sum() == pytest.approx(1)

    config = replace(CONFIG, logit_prior="pseudo_labels")
    trainer = SelfTraining(network, STREET_11, shared_data, config)
    rng = np.random.default_rng(config.seed)
    expected = class_bias(0.25, label_shares(make_biased(make_network()), (shared_data.target(rng) for _ in range(16))))
    assert trainer.bias_to_keep == pytest.approx(expected.tolist(), abs=1e-6)
    assert trainer.bias_to_keep != pytest.approx(class_bias(0.25, SHARES).tolist(), abs=1e-3)

    # What an earlier adjustment had added does not count
    again = SelfTraining(trainer.finish(), STREET_11, shared_data, config, held_bias=trainer.bias_to_keep)
    assert again.bias_to_keep == pytest.approx(expected.tolist(), abs=1e-6)
