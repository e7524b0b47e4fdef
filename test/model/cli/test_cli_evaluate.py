# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""madm evaluate on a data set of a few pixels, with MADM and with a student."""

from __future__ import annotations

import json

import pytest
import torch
from adaptation_samples import MINIATURE
from paper_data_samples import write_fmb
from typer.testing import CliRunner

from madm_model.checkpoint.model_folder import build_student, save_model
from madm_model.cli.app import app
from madm_model.labels import STREET_9
from madm_model.model_config import ModelConfig
from madm_model.network.madm import MADM
from madm_model.students.architecture import SwiftNetArchitecture


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluate")
    write_fmb(folder / "fmb", 3)
    torch.manual_seed(0)
    student = SwiftNetArchitecture("small", (4, 4, 4, 4), (1, 1, 1, 1), 4)
    for name, network in (("madm", MADM(MINIATURE, 9)), ("student", build_student(student, 9))):
        config = ModelConfig(name, network.architecture, STREET_9, "thermal", (32, 32), keep_aspect=True)
        save_model(folder / name, network.eval(), config)
    return folder


def run(*arguments: object):
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments), "--device", "cpu"])


@pytest.mark.parametrize("model", ["madm", "student"])
def test_scores(place, tmp_path, model):
    result = run(place / model, "--dataset", "fmb", "--root", place / "fmb", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "official half" in result.output
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert (report["model"], report["images"], report["protocol"]) == (model, 3, "official")
    assert sum(map(sum, report["confusion"])) <= 3 * 512 * 512
    assert 0 <= report["whole"]["miou"] <= 1
    assert f"{100 * report['whole']['miou']:.2f}" in result.output
    assert (tmp_path / "out" / "confusion.png").is_file()


def test_native_size_of_some_images(place, tmp_path):
    (tmp_path / "night.txt").write_text("00001\n")
    options = ("--protocol", "native", "--list", tmp_path / "night.txt", "--out", tmp_path / "out")
    result = run(place / "student", "--dataset", "fmb", "--root", place / "fmb", *options)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert report["images"] == 1
    assert "official_half" not in report
    assert sum(map(sum, report["confusion"])) <= 32 * 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--condition", "night"), "--list"),
        (("--protocol", "offical"), "use official or native"),
        (("--split", "val"), "no split 'val'"),
    ],
)
def test_wrong_options_are_one_line(place, options, message):
    result = run(place / "student", "--dataset", "fmb", "--root", place / "fmb", *options)
    assert result.exit_code == 1
    assert message in result.output
