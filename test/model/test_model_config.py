# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""config.json: what goes in comes out, and what is wrong is named."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from madm_model.architecture import SD14, TINY, Architecture
from madm_model.labels import STREET_11, LabelSet
from madm_model.model_config import ModelConfig, ModelError


def config() -> ModelConfig:
    return ModelConfig("a-model", TINY, STREET_11, "thermal", (256, 320), True)


def test_round_trip(tmp_path):
    config().save(tmp_path)
    assert ModelConfig.load(tmp_path) == config()


def test_what_logit_adjustment_added_stays_in_the_file(tmp_path):
    adjusted = replace(config(), class_bias=tuple(0.1 * number for number in range(11)))
    adjusted.save(tmp_path)
    assert ModelConfig.load(tmp_path) == adjusted


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        ModelConfig.load(tmp_path)
    for content in ("{", "[" * 100_000, "[]"):
        (tmp_path / "config.json").write_text(content)
        with pytest.raises(ModelError, match="not valid JSON"):
            ModelConfig.load(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("modality", "radar", "unknown modality 'radar'"),
        ("classes", ["only"], "1 class names but 11 colours"),
        ("input_size", [100, 320], "multiples of 32"),
        ("architecture", {}, "architecture lacks"),
        ("format_version", 9, "format_version is 9"),
        ("architecture", 0.5, "architecture is no object"),
        ("architecture", TINY.to_dict() | {"unet_layers_per_block": 10**9}, "see unet_layers_per_block"),
        (
            "architecture",
            TINY.to_dict() | {"vae_mid_attention": "no", "head_stride": 0},
            "vae_mid_attention, head_stride",
        ),
        ("architecture", TINY.to_dict() | {"projection_out": [1, 2, None, 4]}, "see projection_out"),
        ("input_size", [32 * 10**6, 32], "more than 25000000 pixels"),
        ("input_size", [math.inf, 32], "cannot convert float infinity"),
        ("input_range", [255, 0], "the lower one first"),
        ("input_range", [0, math.nan], "two finite values"),
        ("class_bias", [0.5, 1.0], "one finite number for each class"),
        ("class_bias", [math.nan] * 11, "one finite number for each class"),
        ("classes", [0, *STREET_11.names[1:]], "a text that is not empty"),
        ("palette", [[0.5, 0, 0]] * 11, "not three values"),
    ],
)
def test_wrong_values_are_named(tmp_path, field, value, message):
    data = config().to_dict() | {field: value}
    (tmp_path / "config.json").write_text(json.dumps(data))
    with pytest.raises(ModelError, match=message):
        ModelConfig.load(tmp_path)


def test_missing_field_is_named(tmp_path):
    data = config().to_dict()
    del data["palette"]
    (tmp_path / "config.json").write_text(json.dumps(data))
    with pytest.raises(ModelError, match="'palette' is missing"):
        ModelConfig.load(tmp_path)


def test_unknown_architecture_field_is_refused():
    with pytest.raises(ValueError, match="unknown fields depth"):
        Architecture.from_dict(TINY.to_dict() | {"depth": 3})


def test_strides():
    assert (SD14.latent_stride, SD14.size_multiple) == (8, 64)
    assert (TINY.latent_stride, TINY.size_multiple) == (4, 32)


def test_folders_of_before_there_were_students_hold_madm(tmp_path):
    config().save(tmp_path)
    data = json.loads((tmp_path / "config.json").read_text())
    assert data.pop("network") == "madm"
    (tmp_path / "config.json").write_text(json.dumps(data))
    assert ModelConfig.load(tmp_path) == config()


def test_classes_that_are_not_scored_stay_in_the_file():
    label_set = LabelSet(("rail", "void"), ((1, 2, 3), (0, 0, 0)), ("void",))
    config = ModelConfig("m", TINY, label_set, "rgb", (64, 64), keep_aspect=True)
    data = json.loads(json.dumps(config.to_dict()))
    assert ModelConfig.from_dict(data) == config
    del data["not_scored"]  # as in older folders
    assert ModelConfig.from_dict(data).label_set.not_scored == ()
