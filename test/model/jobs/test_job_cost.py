# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a job is expected to take, against what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from madm_model.architecture import SD14, TINY, Architecture
from madm_model.checkpoint.model_names import resolve_model
from madm_model.jobs.cost import estimate_cost, in_words
from madm_model.jobs.settings import default_settings, with_options
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig

GIB = 1 << 30


def cost(architecture: Architecture, model: Path, on_gpu: bool, iterations: int = 100, **options: str):
    config = ModelConfig("model", architecture, STREET_11, "thermal", (192, 256), keep_aspect=True)
    settings = with_options(default_settings(config, "thermal", 100, on_gpu), options)
    return estimate_cost(settings, config, model, iterations, 1, on_gpu)


@pytest.mark.parametrize(
    ("batch_size", "height", "width", "measured_mib"),
    [
        *[(1, 64, 64, 574), (1, 192, 256, 665), (4, 96, 128, 673), (4, 192, 256, 972), (8, 192, 256, 1382)],
        *[(16, 192, 256, 2144), (4, 384, 512, 2172)],
    ],
)
def test_the_estimate_is_near_the_measured_peak_of_a_training(batch_size, height, width, measured_mib) -> None:
    options = {"view.batch_size": str(batch_size), "crop_height": str(height), "crop_width": str(width)}
    estimate = cost(TINY, resolve_model("tiny-thermal"), False, **options).memory
    assert 0.95 < estimate / (measured_mib << 20) < 1.25


@pytest.mark.parametrize(
    ("options", "counted_gib"),
    [
        ({}, 9.5),
        ({"gradient_checkpointing": "false"}, 10.6),
        ({"lora": "off"}, 22.0),
        ({"lora": "off", "precision": "float32", "gradient_checkpointing": "false", "half_frozen": "false"}, 28.0),
    ],
)
def test_the_estimate_for_a_gpu_is_near_the_bytes_that_were_counted(tmp_path, options, counted_gib) -> None:
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(2 * 949_000_000)  # takes no disk
    options = {"crop_height": "512", "crop_width": "512", **options}
    assert 0.95 < cost(SD14, tmp_path, True, **options).gpu_memory / (counted_gib * GIB) < 1.25


def test_time_grows_with_iterations_and_is_told_in_words() -> None:
    model = resolve_model("tiny-thermal")
    assert cost(TINY, model, False, 1000).seconds == pytest.approx(10 * cost(TINY, model, False, 100).seconds)
    assert "of training" in str(cost(TINY, model, False))
    words = [in_words(seconds) for seconds in (0.1, 90, 600, 10_800, 259_200, 6e9)]
    assert words == ["1 s", "90 s", "10 min", "3 h", "3 days", "190 years"]
