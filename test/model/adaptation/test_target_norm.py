# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""BatchNorm statistics of the head, taken from target images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from madm_model.adaptation.config import AblationRow, AdaptationConfig, ablation
from madm_model.adaptation.self_training import SelfTraining
from madm_model.adaptation.target_norm import take_norm_statistics
from madm_model.labels import STREET_11
from madm_model.training.optimizer import OptimizerConfig

CONFIG = AdaptationConfig(
    iterations=4, optimizer=OptimizerConfig(1e-3, gradient_clip=1.0, warmup_iterations=0), target_norm_batches=3
)


def buffers(network) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.head.named_buffers()}


def test_statistics_are_the_mean_over_the_batches(make_network):
    network = make_network().eval()
    seen: list[torch.Tensor] = []
    norm = network.head.bottleneck.norm
    norm.register_forward_hook(lambda _module, inputs, _output: seen.append(inputs[0]))
    batches = [torch.rand(2, 3, 32, 32) * 2 - 1 for _ in range(3)]
    before = {name: value.clone() for name, value in network.named_parameters()}
    take_norm_statistics(network, batches)
    means = torch.stack([feature.mean(dim=(0, 2, 3)) for feature in seen])
    variances = torch.stack([feature.var(dim=(0, 2, 3)) for feature in seen])
    torch.testing.assert_close(norm.running_mean, means.mean(dim=0))
    torch.testing.assert_close(norm.running_var, variances.mean(dim=0))
    assert all(torch.equal(value, before[name]) for name, value in network.named_parameters())
    assert not any(module.training for module in network.modules())
    assert norm.momentum == nn.BatchNorm2d(1).momentum


def test_batches_of_the_source_count_as_much_as_the_targets(make_network, data):
    trainer = SelfTraining(make_network(), STREET_11, data, replace(CONFIG, source_norm_batches=2))
    norm = trainer.network.head.bottleneck.norm
    images: list[torch.Tensor] = []
    means: list[torch.Tensor] = []
    trainer.network.register_forward_pre_hook(lambda _module, inputs: images.append(inputs[0]))
    norm.register_forward_hook(lambda _module, inputs, _output: means.append(inputs[0].mean(dim=(0, 2, 3))))
    trainer.finish()
    rng = np.random.default_rng([CONFIG.seed, CONFIG.iterations])
    expected = [data.target(rng) for _ in range(3)] + [data.source(rng)[0] for _ in range(2)]
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(images, expected, strict=True))
    torch.testing.assert_close(norm.running_mean, torch.stack(means).mean(dim=0))


def test_a_preview_leaves_no_trace_in_the_training(make_network, data):
    def train(preview: bool):
        trainer = SelfTraining(make_network(), STREET_11, data, CONFIG)
        for iteration in range(CONFIG.iterations):
            torch.manual_seed(iteration)
            trainer.step(iteration)
            if preview:
                kept = buffers(trainer.network)
                with trainer.preview() as network:
                    inside = buffers(network)
                assert not torch.equal(inside["bottleneck.norm.running_mean"], kept["bottleneck.norm.running_mean"])
        return trainer, inside if preview else None

    plain, _ = train(preview=False)
    watched, last_preview = train(preview=True)
    for name, value in plain.network.state_dict().items():
        assert torch.equal(watched.network.state_dict()[name], value), name
    finished = buffers(watched.finish())
    assert all(torch.equal(value, last_preview[name]) for name, value in finished.items())


def test_without_target_the_running_statistics_stay(make_network, data):
    config = ablation(CONFIG, AblationRow.SOURCE_ONLY)
    assert config.target_norm_batches == 0
    trainer = SelfTraining(make_network(), STREET_11, data, config)
    trainer.step(0)
    kept = buffers(trainer.network)
    finished = buffers(trainer.finish())
    assert all(torch.equal(value, kept[name]) for name, value in finished.items())


def test_a_negative_number_is_refused():
    with pytest.raises(ValueError, match="target_norm_batches"):
        replace(CONFIG, target_norm_batches=-1)
    with pytest.raises(ValueError, match="source_norm_batches"):
        replace(CONFIG, source_norm_batches=-1)
