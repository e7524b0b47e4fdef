# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The whole way on miniature data: from public weights to a trained model and its scores, by the commands alone."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import yaml
from adaptation_samples import LENIENT, SMALL, SMALL_STUDENT, write_bag, write_source
from base_samples import write_base
from paper_data_samples import TRAINING
from typer.testing import CliRunner

from madm_model.cli.app import app
from madm_model.dataset_training.board import Board
from madm_model.io.sources import read_image
from madm_model.model_config import ModelConfig
from madm_model.store import VersionStore
from madm_model.students.architecture import STUDENTS

CONFIG = TRAINING | {
    "validation_images": 2,
    "crop": [32, 32],
    "panels_every": 3,
    "checkpoint_every": 3,
    "evaluate_every": 3,
}
SPLITS = ("source", "target", "validation")


def madm(*arguments: object, code: int = 0) -> str:
    """Run a command; gives what it printed."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    """A miniature of Stable Diffusion."""
    folder = tmp_path_factory.mktemp("whole_way")
    write_base(folder / "sd")
    return folder


@pytest.fixture(scope="session")
def trained(place: Path, tmp_path_factory) -> Path:
    """A model that was trained on miniature data sets, once interrupted; beside it are cityscapes/ and fmb/."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))

        # 1. A model from public weights
        options = ("--base", place / "sd", "--any-size", "--classes", "street9", "--modality", "thermal")
        assert "9 classes" in madm("new", *options, "--out", place / "base")
        config = json.loads((place / "base" / "config.json").read_text())
        (place / "base" / "config.json").write_text(json.dumps(config | {"input_size": [32, 32]}))

        # 2. Data sets
        for name, width in (("cityscapes", 128), ("fmb", 86)):
            sizes = ("--frames", 2, "--height", 64, "--width", width)
            madm("data", "make-miniature", name, place / name, *sizes)
            assert "nothing is missing" in madm("data", "check", name, place / name)

        # 3. Training, interrupted once
        splits = {key: CONFIG[key] | {"root": str(place / CONFIG[key]["name"])} for key in SPLITS}
        (place / "thermal.yaml").write_text(yaml.safe_dump(CONFIG | splits | {"base": str(place / "base")}))
        command = ("train", place / "thermal.yaml", "--out", place / "run", "--device", "cpu")
        with pytest.MonkeyPatch.context() as interrupting:
            interrupting.setattr(Board, "add_step", lambda *_: signal.raise_signal(signal.SIGINT))
            assert "--resume" in madm(*command, code=1)
        assert "resuming at iteration 1 of 3" in " ".join(madm(*command, "--resume").split())
    return place / "run" / "best"


def test_a_model_is_trained_and_scored(place, trained):
    history = json.loads((place / "run" / "scores.json").read_text())
    assert [entry["iteration"] for entry in history] == [3]
    options = ("--dataset", "fmb", "--root", place / "fmb", "--device", "cpu", "--out", place / "scores")
    assert "mIoU" in madm("evaluate", trained, *options)
    report = json.loads((place / "scores" / "evaluation.json").read_text())
    assert report["whole"] == {key: history[-1][key] for key in report["whole"]}


@pytest.fixture(scope="session")
def student(place: Path, trained: Path) -> Path:
    """A small network that the trained model has taught."""
    data = ("--target", f"fmb:{place / 'fmb'}", "--source", f"cityscapes:{place / 'cityscapes'}")
    few = [part for option in ("view.batch_size=2", "min_frames=2") for part in ("--option", option)]
    command = ("distil", "--teacher", trained, "--student", "small", *data, "--iterations", 2, *few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STUDENTS, "small", SMALL_STUDENT)  # a name that is needed but once: the sizes are in its folder
        told = madm(*command, "--device", "cpu", "--out", place / "student")
    assert "of the pixels of held-out frames as" in " ".join(told.split())
    return place / "student"


def test_a_student_is_scored_like_any_model(place, student):
    options = ("--dataset", "fmb", "--root", place / "fmb", "--device", "cpu", "--out", place / "student_scores")
    assert "mIoU" in madm("evaluate", student, *options)


def test_a_student_segments_in_another_runtime_as_in_torch(place, student, tmp_path, monkeypatch):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # A CPU that computes bfloat16 would take that, in OpenVINO alone.
    monkeypatch.setattr("madm_model.runtimes.openvino_runtime.computes_bfloat16", lambda device="CPU": False)
    labels = []
    for runtime in ("torch", "openvino"):
        command = ("segment", place / "fmb" / "test" / "Infrared", "--modality", "thermal", "--model", student)
        told = madm(*command, "--runtime", runtime, "--out", tmp_path / runtime)
        assert f"in {runtime}" in " ".join(told.split())
        files = sorted((tmp_path / runtime / "labels").glob("*.png"))
        labels.append(np.stack([read_image(file).array for file in files]))
    assert len(labels[0]) == 2 and (labels[0] == labels[1]).mean() > 0.999


def test_a_student_is_exported(student, tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    told = madm("export", student, "--format", "onnx", "--out", tmp_path / "student.onnx")
    agreeing = float(re.search(r"([0-9.]+) % of the labels", told).group(1))
    assert agreeing > 99.9 and (tmp_path / "student.onnx").is_file()


def test_it_is_adapted_with_its_student(place, trained, student):
    write_bag(place / "bag")
    write_source(place / "source", classes=9)
    few = {**SMALL, **LENIENT, "distillation.view.batch_size": 2, "distillation.iterations": 2}
    options = [part for key, value in few.items() for part in ("--option", f"{key}={value}")]
    command = ("adapt", place / "bag", "--model", trained, "--student", student, "--source", f"{place / 'source'}=1")
    madm(*command, *options, "--iterations", 3, "--device", "cpu", "--out", place / "store")
    version = VersionStore(place / "store", trained).read().folder
    assert ModelConfig.load(version).architecture == ModelConfig.load(student).architecture
    assert ModelConfig.load(version / "teacher").architecture == ModelConfig.load(trained).architecture
