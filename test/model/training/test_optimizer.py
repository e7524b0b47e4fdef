# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Optimiser groups and schedule against specification section 16."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from madm_model.training.optimizer import (
    OptimizerConfig,
    build_optimizer,
    clip_gradient,
    learning_rate_factor,
    parameter_groups,
)


@pytest.mark.parametrize(
    ("iteration", "factor"),
    [(0, 0.067), (27, 1.0), (28, 1.0), (8888, 1.0), (8889, 0.1), (9629, 0.1), (9630, 0.01), (9999, 0.01)],
)
def test_learning_rate_table(iteration, factor):
    assert learning_rate_factor(iteration, 10_000, OptimizerConfig()) == pytest.approx(factor)


def test_warm_up_is_linear():
    factors = [learning_rate_factor(iteration, 10_000, OptimizerConfig()) for iteration in range(28)]
    steps = torch.tensor(factors).diff()
    assert torch.allclose(steps, steps[0].expand(27), atol=1e-6)


def test_norms_and_biases_are_not_decayed():
    modules = nn.Sequential(nn.Conv2d(3, 8, 1), nn.GroupNorm(2, 8), nn.BatchNorm2d(8), nn.Linear(8, 2))
    modules[3].weight.requires_grad_(False)
    decayed, plain = parameter_groups(modules, 0.05)
    assert [tuple(parameter.shape) for parameter in decayed["params"]] == [(8, 3, 1, 1)]
    assert decayed["weight_decay"] == 0.05 and plain["weight_decay"] == 0.0
    assert len(plain["params"]) == 6  # two biases, two norm layers' weight and bias


def test_gradient_clip_is_global():
    modules = nn.Linear(2, 1)
    optimizer = build_optimizer(modules, OptimizerConfig(gradient_clip=0.01))
    modules.weight.grad, modules.bias.grad = torch.full((1, 2), 3.0), torch.zeros(1)
    assert clip_gradient(optimizer, OptimizerConfig(gradient_clip=0.01)) == pytest.approx(18**0.5)
    assert modules.weight.grad.norm().item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("wrong", [{"learning_rate": 0}, {"gradient_clip": -1}, {"steps": (0.9, 0.5)}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"learning_rate|gradient_clip|steps"):
        OptimizerConfig(**wrong)
