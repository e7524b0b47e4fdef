# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What lets a training fit a robot: half precision, adapters, checkpointing, 8-bit optimiser state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from peft import LoraConfig
from torch import nn

from madm_model.adaptation.config import LoRAConfig, ResourceConfig
from madm_model.network.madm import MADM
from madm_model.training.optimizer import OptimizerConfig, build_optimizer, parameter_groups
from madm_model.training.precision import DTYPES, computed_precision


class ResourceError(Exception):
    """The machine cannot train as configured; the message says what to change."""


def check_resources(config: ResourceConfig, device: torch.device) -> None:
    """Refuse what the device cannot do.

    Raises:
        ResourceError: float16 or the 8-bit optimiser without CUDA.
    """
    if config.precision == "float16" and device.type != "cuda":
        raise ResourceError("float16 training needs CUDA: use precision bfloat16 or float32 on this machine")
    if config.eight_bit_optimizer and device.type != "cuda":
        raise ResourceError("the 8-bit optimiser needs CUDA: turn eight_bit_optimizer off on this machine")


class HalvedWeights:
    """Frozen matrices that are kept in half precision during a training, and get their values back after it.

    Norms and biases stay in float32: they are small, and autocast does not cast them everywhere. What bfloat16 rounds
    off is kept as float16 in main memory: a version is stored in that, and must not lose more.
    """

    def __init__(self) -> None:
        self._dtype = torch.float32
        self._kept: list[tuple[nn.Parameter, torch.Tensor | None]] = []

    def halve(self, network: MADM, dtype: torch.dtype) -> None:
        """Cast the frozen matrices of a network."""
        self._dtype = dtype
        for parameter in network.parameters():
            if not parameter.requires_grad and parameter.ndim >= 2:
                kept = parameter.data.to("cpu", torch.float16) if dtype is torch.bfloat16 else None
                self._kept.append((parameter, kept))
                parameter.data = parameter.data.to(dtype)

    def restore(self) -> None:
        """Make them float32 again."""
        for parameter, kept in self._kept:
            parameter.data = (parameter.data if kept is None else kept.to(parameter.device)).float()

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Have them in float32 for a while."""
        self.restore()
        try:
            yield
        finally:
            for parameter, _ in self._kept:
                parameter.data = parameter.data.to(self._dtype)


def prepare_network(network: MADM, config: ResourceConfig, train_unet_output: bool = False) -> HalvedWeights:
    """Mark in place what is trained (specification section 10), add adapters and checkpointing, halve the rest."""
    network.requires_grad_(True)
    network.freeze_fixed_parts()
    if train_unet_output:
        network.unet.requires_grad_(True)
    if config.lora is not None:
        add_lora(network, config.lora)
    if config.gradient_checkpointing:
        network.unet.enable_gradient_checkpointing()
    halved = HalvedWeights()
    if config.half_frozen:
        halved.halve(network, DTYPES[computed_precision(network.shared_noise.device, config.precision)])
    return halved


def add_lora(network: MADM, config: LoRAConfig) -> None:
    """Freeze the UNet and give it low-rank adapters, which start as no change."""
    network.unet.add_adapter(
        LoraConfig(r=config.rank, lora_alpha=config.rank, target_modules=list(config.targets), init_lora_weights=True)
    )


def merge_lora(network: MADM) -> None:
    """Add the adapters to the weights they adapt and remove them: the network's layout is the plain one again.

    In float32: an adapter's small change would be lost in half precision.
    """
    if getattr(network.unet, "peft_config", None):
        network.unet.fuse_lora()
        network.unet.unload_lora()


def make_optimizer(trained: nn.Module, config: OptimizerConfig, eight_bit: bool) -> torch.optim.Optimizer:
    """AdamW over a module's trained parameters, its state in 8 bits on request.

    Raises:
        ResourceError: bitsandbytes is not installed.
    """
    if not eight_bit:
        return build_optimizer(trained, config)
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise ResourceError(
            "the 8-bit optimiser needs bitsandbytes: `pip install bitsandbytes`, or turn eight_bit_optimizer off"
        ) from error
    return AdamW8bit(parameter_groups(trained, config.weight_decay), lr=config.learning_rate)
