# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Memory options: same numbers where they promise it, close ones otherwise, plain weights in the end."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
import torch

from madm_model.adaptation.config import AdaptationConfig, LoRAConfig, ResourceConfig
from madm_model.adaptation.data.batches import LabelledBatch
from madm_model.adaptation.resources import ResourceError, add_lora, check_resources, make_optimizer, merge_lora
from madm_model.adaptation.self_training import SelfTraining
from madm_model.labels import STREET_11
from madm_model.training.optimizer import OptimizerConfig

CONFIG = AdaptationConfig(
    iterations=10, dropout=0.0, optimizer=OptimizerConfig(1e-3, gradient_clip=1.0, warmup_iterations=0)
)


def one_step(network, data, resources: ResourceConfig):
    trainer = SelfTraining(network, STREET_11, data, replace(CONFIG, resources=resources))
    return trainer, trainer.step(0)


def test_gradient_checkpointing_changes_no_number(make_network, data):
    plain, plain_statistics = one_step(make_network(), data, ResourceConfig())
    saving, statistics = one_step(make_network(), data, ResourceConfig(gradient_checkpointing=True))
    assert saving.network.unet.is_gradient_checkpointing
    assert statistics.losses == plain_statistics.losses
    assert statistics.gradient_norms == pytest.approx(plain_statistics.gradient_norms, rel=1e-5)
    for name, value in plain.network.named_parameters():
        assert torch.allclose(saving.network.get_parameter(name), value, atol=1e-6), name
    assert not saving.finish().unet.is_gradient_checkpointing


@pytest.mark.usefixtures("bfloat16_is_computed")
@pytest.mark.parametrize("half_frozen", [False, True])
def test_bfloat16_is_close(make_network, data, half_frozen):
    _, exact = one_step(make_network(), data, ResourceConfig())
    trainer, half = one_step(make_network(), data, ResourceConfig(precision="bfloat16", half_frozen=half_frozen))
    assert half.losses != exact.losses
    assert half.losses["source_segmentation"] == pytest.approx(exact.losses["source_segmentation"], rel=0.05)
    vae = torch.bfloat16 if half_frozen else torch.float32
    assert trainer.network.vae.encoder.conv_in.weight.dtype is vae
    assert trainer.network.vae.encoder.conv_norm_out.weight.dtype is torch.float32
    assert all(value.dtype is torch.float32 for value in trainer.network.parameters() if value.requires_grad)


def test_accumulation_averages_the_gradients(make_network, data):
    class TwoHalves:
        """Two batches of one image, or the same two images as one batch."""

        def __init__(self, together: bool) -> None:
            self.together, self.calls = together, 0

        def source(self, rng):
            batches = [data.source(np.random.default_rng(seed)) for seed in (1, 2)]
            if self.together:
                return LabelledBatch(*(torch.cat(parts) for parts in zip(*(batch[:2] for batch in batches))))
            self.calls += 1
            return batches[self.calls - 1]

        def target(self, rng):
            raise AssertionError("the source alone is trained on")

    config = replace(CONFIG, self_training=None)
    networks = [make_network() for _ in range(2)]
    for network in networks:
        for module in network.head.modules():  # BatchNorm would see other batches
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 0.0
    gradients, losses = [], []
    for network, together in zip(networks, (True, False)):
        resources = ResourceConfig(accumulation=1 if together else 2)
        trainer = SelfTraining(network, STREET_11, TwoHalves(together), replace(config, resources=resources))
        network.eval()
        losses.append(trainer.step(0).losses)
        gradients.append(network.unet.conv_in.weight.grad)
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-3, atol=1e-6)


def test_lora_trains_adapters_and_merges_to_plain_weights(make_network, data):
    network = make_network()
    layout = {name: value.shape for name, value in network.state_dict().items()}
    before = {name: value.clone() for name, value in network.state_dict().items()}
    trainer, _ = one_step(network, data, ResourceConfig(lora=LoRAConfig(rank=4)))
    trainer.step(1)
    trained = {name for name, value in network.unet.named_parameters() if value.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    assert trainer.teacher.network.unet is network.unet
    assert all("lora_" in name for name in trainer.state_dict()["network"] if name.startswith("unet."))

    network.eval()
    images = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        adapted = network(images).latent
        merged_network = trainer.finish()
        merged = merged_network(images).latent
    assert {name: value.shape for name, value in merged_network.state_dict().items()} == layout
    assert torch.allclose(merged, adapted, atol=1e-4)
    assert torch.equal(merged_network.unet.conv_in.weight, before["unet.conv_in.weight"])
    changed = {
        name
        for name, value in merged_network.unet.state_dict().items()
        if not torch.equal(value, before["unet." + name])
    }
    assert any("attn" in name for name in changed)
    assert any("resnets" in name for name in changed)
    assert not any("norm" in name for name in changed)


def test_lora_starts_as_no_change(make_network):
    network = make_network().eval()
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        before = network(images).latent
        add_lora(network, LoRAConfig(rank=2))
        assert torch.allclose(network(images).latent, before, atol=1e-6)
        merge_lora(network)
        merge_lora(network)  # nothing left to merge
        assert torch.allclose(network(images).latent, before, atol=1e-6)


@pytest.mark.parametrize("resources", [ResourceConfig(precision="float16"), ResourceConfig(eight_bit_optimizer=True)])
def test_what_needs_cuda_says_so(resources):
    with pytest.raises(ResourceError, match="CUDA"):
        check_resources(resources, torch.device("cpu"))
    check_resources(resources, torch.device("cuda"))


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_missing_bitsandbytes_says_so(make_network):
    with pytest.raises(ResourceError, match="pip install bitsandbytes"):
        make_optimizer(make_network(), OptimizerConfig(), eight_bit=True)
