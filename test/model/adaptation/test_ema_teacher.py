# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the teacher averages, when, and how it labels."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from madm_model.adaptation.config import TeacherConfig
from madm_model.adaptation.ema_teacher import EMATeacher, ema_momentum, ema_update


@pytest.mark.parametrize(("iteration", "momentum"), [(1, 0.5), (10, 10 / 11), (999, 0.999), (2000, 0.999)])
def test_momentum(iteration, momentum):
    assert ema_momentum(iteration, 0.999) == pytest.approx(momentum)


def test_update_by_hand_leaves_buffers():
    teacher, student = nn.BatchNorm2d(1), nn.BatchNorm2d(1)
    teacher.requires_grad_(False)
    with torch.no_grad():
        teacher.weight.fill_(1.0)
        student.weight.fill_(3.0)
        student.running_mean.fill_(9.0)
    ema_update(teacher, student, 0.75)
    assert teacher.weight.item() == pytest.approx(1.5)
    assert teacher.running_mean.item() == 0


def shift(network) -> None:
    with torch.no_grad():
        for part in (network.unet, *network.averaged_modules()):
            for parameter in part.parameters():
                parameter.add_(2.0)
        network.head.bottleneck.norm.running_mean.add_(2.0)


@pytest.mark.parametrize("average_unet", [False, True])
def test_follows_the_student(make_network, average_unet):
    student = make_network()
    student.freeze_fixed_parts()
    before = {name: value.clone() for name, value in student.named_parameters()}
    teacher = EMATeacher(student, TeacherConfig(average_unet=average_unet))
    shift(student)
    teacher.update(1)
    for name, value in teacher.network.named_parameters():
        part = name.split(".")[0]
        if part == "vae":
            continue
        if part == "unet" and not average_unet:
            assert value is student.get_parameter(name)
        elif part == "unet" and name.startswith(("unet.conv_norm_out", "unet.conv_out")):
            assert torch.equal(value, before[name])  # frozen in the student: nothing to follow
        else:
            assert torch.allclose(value, before[name] + 1.0, atol=1e-6)
            assert not value.requires_grad
    assert teacher.network.vae is student.vae
    assert torch.equal(teacher.network.head.bottleneck.norm.running_mean, torch.zeros(8))


@pytest.mark.parametrize(
    ("mode", "dropout", "batch_statistics"),
    [("train", True, True), ("no_dropout", False, True), ("eval", False, False)],
)
def test_modes(make_network, mode, dropout, batch_statistics):
    student = make_network()
    student.head.dropout.p = 0.5
    teacher = EMATeacher(student, TeacherConfig(mode=mode))
    assert teacher.network.head.dropout.training is dropout
    assert teacher.network.head.bottleneck.norm.training is batch_statistics
    images = torch.rand(1, 3, 32, 32)
    torch.manual_seed(1)
    first = teacher.logits(images, 0)
    assert torch.equal(teacher.logits(images, 0), first) is not dropout
    shift(student)
    teacher.update(5)
    tracked = teacher.network.head.bottleneck.norm.running_mean
    assert torch.equal(tracked, student.head.bottleneck.norm.running_mean) is (mode == "eval")


def test_noise_changes_the_labels(make_network):
    teacher = EMATeacher(make_network(), TeacherConfig(mode="eval"))
    images = torch.rand(1, 3, 32, 32)
    assert not torch.equal(teacher.logits(images, 0), teacher.logits(images, 60))
    other = torch.randn(teacher.network.latent_shape(images), generator=torch.Generator().manual_seed(3))
    assert not torch.equal(teacher.logits(images, 60, other), teacher.logits(images, 60))


@pytest.mark.parametrize("average_unet", [False, True])
def test_state_round_trip(make_network, average_unet):
    config = TeacherConfig(average_unet=average_unet)
    student = make_network()
    student.freeze_fixed_parts()
    teacher = EMATeacher(student, config)
    shift(student)
    teacher.update(3)
    state = teacher.state_dict()
    assert any(name.startswith("unet.") for name in state) is average_unet
    assert "unet.conv_out.weight" not in state
    other_student = make_network()
    other_student.freeze_fixed_parts()
    other = EMATeacher(other_student, config)
    other.load_state_dict(state)
    loaded = other.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    with pytest.raises(RuntimeError, match="another configuration"):
        other.load_state_dict({name: value for name, value in state.items() if "head" not in name})
