# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Defaults of a job, and options by their dotted names."""

from __future__ import annotations

from dataclasses import replace

import pytest
from adaptation_samples import CONFIG

from madm_model.adaptation.config import LoRAConfig
from madm_model.architecture import SD14
from madm_model.jobs.settings import default_settings, with_options

SETTINGS = default_settings(CONFIG, "thermal", 1000, on_gpu=False)


def test_the_noise_period_is_the_released_share_of_the_training() -> None:
    assert SETTINGS.training.self_training.dplg.noise_period == 800
    assert default_settings(CONFIG, "depth", 1000, False).training.self_training.dplg.noise_period == 500
    assert SETTINGS.training.iterations == 1000


def test_a_stable_diffusion_sized_network_uses_adapters_on_a_gpu_only() -> None:
    config = replace(CONFIG, architecture=SD14, input_size=(512, 512), keep_aspect=False)
    on_gpu, on_cpu = (default_settings(config, "thermal", 1000, gpu) for gpu in (True, False))
    assert isinstance(on_gpu.training.resources.lora, LoRAConfig)
    assert on_gpu.training.averaged_share == 0  # a second copy of the weights, and not measured
    assert on_gpu.training.self_training.certainty == "image"
    assert on_gpu.training.resources.precision == "bfloat16"
    assert on_cpu.training.resources.lora is None
    assert (on_gpu.view.batch_size, on_gpu.view.crop_height, on_gpu.view.crop_width) == (1, 512, 512)
    assert on_cpu.training.optimizer.learning_rate == 5e-6


def test_a_small_network_learns_from_every_class_and_leaves_the_mean_of_its_second_half() -> None:
    assert SETTINGS.training.self_training.certainty == "class"
    assert SETTINGS.training.averaged_share == 0.5


def test_a_gpu_trains_a_small_network_in_larger_batches() -> None:
    on_gpu = default_settings(CONFIG, "thermal", 1000, on_gpu=True)
    assert (SETTINGS.view.batch_size, on_gpu.view.batch_size) == (4, 16)
    assert on_gpu.training == SETTINGS.training


def test_options_change_fields_of_every_kind() -> None:
    options = {
        "dplg.noise_period": "60",
        "learning_rate": "0.001",
        "optimizer.steps": "[0.5, 0.8]",
        "rare_classes": "off",
        "teacher.mode": "eval",
        "source_miou_drop": "0.2",
        "checkpoint_every": "7",
    }
    changed = with_options(SETTINGS, options)
    assert changed.training.self_training.dplg.noise_period == 60
    assert changed.training.optimizer.learning_rate == 0.001
    assert changed.training.optimizer.steps == (0.5, 0.8)
    assert changed.view.rare_classes is False
    assert changed.training.self_training.teacher.mode == "eval"
    assert changed.gate.source_miou_drop == 0.2
    assert changed.checkpoint_every == 7


def test_parts_are_switched_off_and_on() -> None:
    assert with_options(SETTINGS, {"lplr": "off"}).training.lplr is None
    assert with_options(SETTINGS, {"dplg": "off"}).training.self_training.dplg is None
    assert with_options(SETTINGS, {"lora": "on", "lora.rank": "4"}).training.resources.lora.rank == 4


def test_options_that_fit_only_together_are_taken_in_any_order() -> None:
    for names in (("clean_noise", "dplg.noise"), ("dplg.noise", "clean_noise")):
        values = {"clean_noise": "false", "dplg.noise": "sampled"}
        training = with_options(SETTINGS, {name: values[name] for name in names}).training
        assert not training.clean_noise and training.self_training.dplg.noise == "sampled"
    view = with_options(SETTINGS, {"view.min_scale": "2", "view.max_scale": "3"}).view
    assert (view.min_scale, view.max_scale) == (2.0, 3.0)
    with pytest.raises(ValueError, match=r"options clean_noise, learning_rate: training: .* set dplg.noise to sampled"):
        with_options(SETTINGS, {"clean_noise": "false", "learning_rate": "0.001"})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("noise_periods", "1", "unknown option 'noise_periods': it may mean training.self_training.dplg.noise_period"),
        ("colour", "1", "unknown option 'colour': the settings are checkpoint_every"),
        ("source_weight", "heavy", "option source_weight: 'heavy' does not fit: it has to be a valid number"),
        ("iterations", "1.5", "option iterations: '1.5' does not fit: it has to be a valid integer"),
        ("lplr", "maybe", "option lplr: 'maybe' is neither on nor off"),
        (
            "teacher.mode",
            "sleep",
            "option teacher.mode: 'sleep' does not fit: it has to be 'train', 'no_dropout' or 'eval'",
        ),
        ("rare_classes", "maybe", "option rare_classes: 'maybe' does not fit: it has to be a valid boolean"),
        (
            "optimizer.steps",
            "half",
            r"option optimizer.steps: 'half' does not fit: it has to be a list such as \[1, 2\]",
        ),
        ("noise_period", "0", "option noise_period: '0' does not fit: it has to be greater than or equal to 1"),
    ],
)
def test_a_wrong_option_is_refused_with_a_reason(name, value, message) -> None:
    with pytest.raises(ValueError, match=message):
        with_options(SETTINGS, {name: value})
