# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The head, the projections and the condition, part by part."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from madm_model.network.condition import Condition
from madm_model.network.daformer_head import DAFormerHead
from madm_model.network.projections import Bottleneck


def random_statistics(module: nn.Module) -> None:
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2.0)
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.normal_(norm.bias)


def test_folded_norms_change_nothing() -> None:
    torch.manual_seed(0)
    head = DAFormerHead((4, 8, 8, 8), 8, 5).eval()
    random_statistics(head)
    features = [torch.randn(2, 4, 16, 24)] + [torch.randn(2, 8, 16 // 2**level, 24 // 2**level) for level in range(3)]
    with torch.inference_mode():
        expected = head(features)
        head.fold_norms()
        found = head(features)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in head.modules())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_head_has_the_official_widths() -> None:
    head = DAFormerHead((128, 512, 512, 512), 256, 11)
    assert head.aspp[0].conv.weight.shape == (256, 1024, 1, 1)
    assert [branch[0].conv.dilation for branch in list(head.aspp)[1:]] == [(6, 6), (12, 12), (18, 18)]
    assert head.bottleneck.conv.weight.shape == (256, 1024, 3, 3)


def test_bottleneck_without_change_of_width_adds_the_feature_itself() -> None:
    block = Bottleneck(8, 4, 8, 2).eval()
    nn.init.zeros_(block.norm3.weight)
    feature = torch.randn(1, 8, 5, 7)
    torch.testing.assert_close(block(feature), feature.relu())
    assert not list(block.shortcut.parameters())


def test_condition_starts_without_time_vector_and_mixes_the_prompts() -> None:
    torch.manual_seed(0)
    condition = Condition(3, 6, 16)
    uncond = torch.randn(1, 3, 6)
    prompt, time = condition(uncond)
    assert prompt.shape == (1, 3, 6)
    assert torch.equal(time, torch.zeros(1, 16))
    with torch.no_grad():
        condition.alpha_cond_prompt.zero_()
        condition.alpha_uncond_prompt.fill_(20.0)
        condition.alpha_cond_time.fill_(20.0)
    prompt, time = condition(uncond)
    torch.testing.assert_close(prompt, uncond)
    torch.testing.assert_close(time, condition.time_embed[0])


@pytest.mark.parametrize("name", ["conv1", "conv2", "conv3", "shortcut"])
def test_projection_starts_from_a_fan_out_normal(name: str) -> None:
    torch.manual_seed(0)
    conv = getattr(Bottleneck(64, 64, 128, 8), name)
    fan_out = conv.out_channels * conv.kernel_size[0] ** 2
    assert conv.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05)
