# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""AdamW as MADM uses it: parameter groups, warm-up and steps (specification section 16)."""

from __future__ import annotations

import torch
from torch import nn

from madm_model.training.config import OptimizerConfig

_NORM_LAYERS = (nn.GroupNorm, nn.LayerNorm, nn.BatchNorm2d)


def parameter_groups(modules: nn.Module, weight_decay: float) -> list[dict]:
    """Trainable parameters in two AdamW groups: decayed, and norm layers and biases without decay."""
    decayed, plain = [], []
    for module in modules.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad:
                (plain if isinstance(module, _NORM_LAYERS) or name == "bias" else decayed).append(parameter)
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]


def build_optimizer(modules: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over the trainable parameters of the module tree."""
    return torch.optim.AdamW(parameter_groups(modules, config.weight_decay), lr=config.learning_rate)


def learning_rate_factor(iteration: int, iterations: int, config: OptimizerConfig) -> float:
    """Multiplier of the learning rate at an iteration (counted from 0) of a training of `iterations`."""
    factor = 0.1 ** sum(iteration >= round(step * iterations) for step in config.steps)
    if iteration < config.warmup_iterations - 1:
        factor *= 0.067 + (1 - 0.067) * iteration / (config.warmup_iterations - 1)
    return factor


def set_learning_rate(
    optimizer: torch.optim.Optimizer, iteration: int, iterations: int, config: OptimizerConfig
) -> float:
    """Give every group the iteration's learning rate; returns it."""
    learning_rate = config.learning_rate * learning_rate_factor(iteration, iterations, config)
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    return learning_rate


def clip_gradient(optimizer: torch.optim.Optimizer, config: OptimizerConfig) -> float:
    """Clip the global gradient norm in place; returns the norm before clipping."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return float(nn.utils.clip_grad_norm_(parameters, config.gradient_clip))
