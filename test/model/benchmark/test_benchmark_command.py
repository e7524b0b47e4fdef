# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm benchmark` from its file to the tables."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from adaptation_samples import CONFIG, MINIATURE
from typer.testing import CliRunner

from madm_model.checkpoint.model_folder import save_model
from madm_model.cli.app import app
from madm_model.labels import STREET_11
from madm_model.network.madm import MADM


@pytest.fixture
def config(tmp_path) -> Path:
    torch.manual_seed(0)
    save_model(tmp_path / "base", MADM(MINIATURE, len(STREET_11)).eval(), CONFIG, torch.float16)
    streets = {"streets": 1, "frames_per_street": 1, "width": 96, "height": 64}
    settings = {
        **{"title": "Small", "task": "simulator", "rows": ["source-only", "lplr"], "seeds": [0], "iterations": 1},
        "base_model": str(tmp_path / "base"),
        "view": {"batch_size": 1, "crop_height": 32, "crop_width": 48},
        "streets": {name: {"first_seed": seed, **streets} for seed, name in enumerate(("source", "target", "test"))},
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def _run(config: Path, *options: str):
    folder = config.parent
    arguments = [
        "benchmark",
        str(config),
        "--work-dir",
        str(folder / "work"),
        "--out",
        str(folder / "benchmarks.md"),
        *options,
    ]
    return CliRunner().invoke(app, arguments)


def test_part_of_a_benchmark_then_the_rest(config):
    first = _run(config, "--only", "lplr")
    assert first.exit_code == 0, first.output
    table = (config.parent / "benchmarks.md").read_text()
    assert "| source only | missing |" in table and "| + LPLR | missing |" not in table
    listed = _run(config, "--list").output
    assert "any-source-only-seed0: 0 of 1" in listed and "thermal-lplr-seed0: 1 of 1" in listed

    rest = _run(config)
    assert rest.exit_code == 0 and "1 of 2 runs are done" in rest.output
    assert "missing" not in (config.parent / "benchmarks.md").read_text()


def test_tables_alone_train_nothing(config):
    result = _run(config, "--tables-only")
    assert result.exit_code == 0, result.output
    assert not (config.parent / "work" / "thermal-lplr-seed0").exists()
    assert "| + LPLR | missing |" in (config.parent / "benchmarks.md").read_text()


@pytest.mark.parametrize(
    "options, message",
    [
        (("--only", "radar"), "--only radar fits no run"),
        (("--data", "."), "leave out --data"),
        (("--device", "tpu"), "unknown device 'tpu'"),
    ],
)
def test_wrong_options_are_named(config, options, message):
    result = _run(config, *options)
    assert result.exit_code == 1
    assert message in result.output


def test_a_wrong_file_is_named(config):
    config.write_text("title: a")
    result = _run(config)
    assert result.exit_code == 1 and "setting 'task' is missing" in result.output
    result = _run(config.with_name("none.yaml"))
    assert result.exit_code == 1 and "none.yaml" in result.output
