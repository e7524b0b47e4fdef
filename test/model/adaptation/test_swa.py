# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The mean of the last weights: of which steps, in the preview, in the end, and over a resumption."""

from __future__ import annotations

from dataclasses import replace

import torch

from madm_model.adaptation.config import AdaptationConfig, LoRAConfig, ResourceConfig, SelfTrainingConfig
from madm_model.adaptation.self_training import SelfTraining
from madm_model.labels import STREET_11
from madm_model.training.optimizer import OptimizerConfig

CONFIG = AdaptationConfig(
    iterations=4,
    dropout=0.0,
    self_training=SelfTrainingConfig(0.05, augmentation=None),
    lplr=None,
    optimizer=OptimizerConfig(1e-3, 0.01, 1.0, 0),
    averaged_share=0.5,
)


def trained(network) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters() if value.requires_grad}


def run(trainer: SelfTraining, iterations) -> list[dict[str, torch.Tensor]]:
    weights = []
    for iteration in iterations:
        torch.manual_seed(iteration)
        trainer.step(iteration)
        weights.append(trained(trainer.network))
    return weights


def mean(*states: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: sum(state[name] for state in states) / len(states) for name in states[0]}


def assert_equal(network, expected: dict[str, torch.Tensor]) -> None:
    for name, value in expected.items():
        assert torch.allclose(network.get_parameter(name), value, rtol=1e-5, atol=1e-7), name


def test_the_trained_network_is_the_mean_of_the_last_half(make_network, data):
    trainer = SelfTraining(make_network(), STREET_11, data, CONFIG)
    weights = run(trainer, range(4))
    expected = mean(*weights[2:])
    assert any(not torch.allclose(expected[name], weights[3][name], atol=1e-5) for name in expected)
    assert_equal(trainer.finish(), expected)


def test_a_preview_shows_the_mean_and_training_goes_on_as_if_unseen(make_network, data):
    seen, unseen = (SelfTraining(make_network(), STREET_11, data, CONFIG) for _ in range(2))
    first = run(seen, range(1))
    with seen.preview() as network:
        assert_equal(network, first[0])  # no mean yet
    two = run(seen, range(1, 3))
    with seen.preview() as network:
        assert_equal(network, two[1])  # of one step
    last = run(seen, range(3, 4))
    with seen.preview() as network:
        assert_equal(network, mean(two[1], last[0]))
    run(unseen, range(4))
    assert all(torch.equal(value, unseen.network.get_parameter(name)) for name, value in last[0].items())
    assert_equal(seen.network, last[0])


def test_a_resumed_training_has_the_same_mean(make_network, data):
    whole, broken, resumed = (SelfTraining(make_network(), STREET_11, data, CONFIG) for _ in range(3))
    run(whole, range(4))
    run(broken, range(3))
    resumed.load_state_dict(broken.state_dict())
    run(resumed, range(3, 4))
    expected = whole.finish().state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in resumed.finish().state_dict().items())


def test_an_earlier_state_is_kept_with_its_mean(make_network, data):
    trainer, fresh = (SelfTraining(make_network(), STREET_11, data, CONFIG) for _ in range(2))
    weights = run(trainer, range(4))
    fresh.load_trained(trainer.state_to_finish())
    assert_equal(fresh.finish(), mean(*weights[2:]))


def test_adapters_are_averaged_before_they_are_merged(make_network, data):
    config = replace(CONFIG, resources=ResourceConfig(lora=LoRAConfig(rank=2)))
    trainer = SelfTraining(make_network(), STREET_11, data, config)
    weights = run(trainer, range(4))
    assert any("lora" in name for name in weights[0])
    expected = SelfTraining(make_network(), STREET_11, data, replace(config, averaged_share=0.0))
    expected.network.load_state_dict(mean(*weights[2:]), strict=False)
    merged = trainer.finish()
    assert_equal(merged, dict(expected.finish().named_parameters()))


def test_nothing_is_averaged_or_kept_by_default(make_network, data):
    trainer = SelfTraining(make_network(), STREET_11, data, replace(CONFIG, averaged_share=0.0))
    weights = run(trainer, range(4))
    assert trainer.state_dict()["average"] == {"count": 0}
    assert_equal(trainer.finish(), weights[3])
