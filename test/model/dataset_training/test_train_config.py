# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The files of config/paper are the released configurations; the paper's way and options change what they should."""

from __future__ import annotations

import itertools
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from madm_model.adaptation.config import AblationRow, ResourceConfig, ablation, official_config, paper_config
from madm_model.cli.options import read_options
from madm_model.dataset_training.config import SplitConfig, TrainConfig, load_train_config
from madm_model.datasets.dataset import find_layout
from madm_model.jobs.settings import with_options

CONFIGS = Path(__file__).resolve().parents[3] / "config" / "paper"
MODALITIES = {"depth": "depth", "infrared": "thermal", "event": "event"}


@pytest.mark.parametrize("name", MODALITIES)
def test_files_hold_the_released_values(name):
    config = load_train_config(CONFIGS / f"{name}.yaml")
    modality = MODALITIES[name]
    released = ResourceConfig("float16", half_frozen=True, accumulation=2)
    assert config.resolved(modality) == replace(official_config(modality), resources=released)
    assert replace(config, paper=True).resolved(modality) == replace(paper_config(modality), resources=released)
    assert (config.batch, config.batch_per_pass, config.crop, config.target_share) == (2, 1, (512, 512), 1.0)
    for split in (config.source, config.target):
        assert split.size == find_layout(split.name).training_size
    assert find_layout(config.target.name).modality == modality
    assert config.validation == SplitConfig(config.target.name, config.target.root, "test")
    assert not config.paper


def test_options_make_the_tables_of_the_paper():
    config = load_train_config(CONFIGS / "depth.yaml")
    table_2 = {
        AblationRow.BASELINE: {"dplg": "off", "lplr": "off"},
        AblationRow.DPLG: {"lplr": "off"},
        AblationRow.LPLR: {"dplg": "off"},
        AblationRow.MADM: {},
    }
    for row, options in table_2.items():
        assert with_options(config, options).training == ablation(config.training, row)
    table_3 = with_options(config, {"dplg.initial_steps": "[80, 81]", "dplg.noise_period": "2000"})
    assert table_3.training.self_training.dplg.initial_steps == (80, 81)
    assert with_options(config, {"target_share": "0.1"}).target_share == 0.1
    assert with_options(config, {"target.root": "elsewhere"}).target.root == "elsewhere"


def test_the_commands_of_the_documentation_can_be_given():
    lines = [
        line for line in (CONFIGS.parents[1] / "docs/reproduce.md").read_text().splitlines() if "madm train con" in line
    ]
    assert len(lines) > 8
    for line in lines:
        words = shlex.split(line)
        file = next(word for word in words if word.startswith("config/"))
        given = [value for word, value in itertools.pairwise(words) if word == "--option"]
        with_options(load_train_config(CONFIGS.parents[1] / file), read_options(given))


def test_batches_of_a_step_follow_from_the_batch():
    config = replace(load_train_config(CONFIGS / "event.yaml"), batch=8, batch_per_pass=2)
    assert config.resolved("event").resources.accumulation == 4
    with pytest.raises(ValueError, match="batch 3 is no multiple of batch_per_pass 2"):
        replace(config, batch=3)
    with pytest.raises(ValueError, match="leave it out"):
        replace(config, training=replace(config.training, resources=ResourceConfig(accumulation=3)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: [", "is not valid YAML"),
        ("base: x", "setting 'source' is missing"),
        ("base: x\nsource: {name: cityscapes, root: a}\ntarget: {name: fmb, root: b}\ntarget_share: 0", "target_share"),
        (
            "base: x\nsource: {name: cityscapes, root: a, resize: [4]}\ntarget: {name: fmb, root: b}",
            "a height and a width",
        ),
        (
            "base: x\nsource: {name: cityscapes, root: a}\ntarget: {name: fmb, root: b}\nbatches: 2",
            "unknown setting 'batches'",
        ),
    ],
)
def test_a_wrong_file_is_one_line(tmp_path, text, message):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        load_train_config(tmp_path / "c.yaml")
    assert "c.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_training_needs_no_validation():
    config = TrainConfig("base", SplitConfig("cityscapes", "a"), SplitConfig("fmb", "b"))
    assert config.validation is None
    assert config.source.size is None
