# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""madm train on data sets of a few pixels: the whole way, exactly resumed, with logs, scores and models."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
import torch
import yaml
from adaptation_samples import MINIATURE
from paper_data_samples import TRAINING, write_cityscapes, write_fmb
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

from madm_model.checkpoint.model_folder import load_model, save_model
from madm_model.cli.app import app
from madm_model.cli.train import _going_on
from madm_model.dataset_training.board import Board
from madm_model.labels import STREET_9
from madm_model.model_config import ModelConfig
from madm_model.network.madm import MADM

CONFIG = TRAINING | {
    "validation_images": 1,
    "crop": [16, 32],
    "batch": 1,
    "panels_every": 2,
    "checkpoint_every": 2,
    "evaluate_every": 2,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Data, a base model and a configuration."""
    folder = tmp_path_factory.mktemp("train")
    roots = {"source": write_cityscapes(folder / "cityscapes"), "target": write_fmb(folder / "fmb")}
    roots["validation"] = roots["target"]
    torch.manual_seed(0)
    model = ModelConfig("base", MINIATURE, STREET_9, "rgb", (16, 16), keep_aspect=False)
    for name in ("base", "other"):
        save_model(folder / name, MADM(MINIATURE, len(STREET_9)), model)
    splits = {name: CONFIG[name] | {"root": str(root)} for name, root in roots.items()}
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | splits | {"base": str(folder / "base")}))
    return folder


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["train", *map(str, arguments), "--device", "cpu"])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture(scope="module")
def trained(place, monkeypatch_module) -> Path:
    """A training in one go."""
    code, told = run(place / "config.yaml", "--out", place / "whole")
    assert code == 0, told
    assert "mIoU" in told
    return place / "whole"


@pytest.fixture(scope="module")
def monkeypatch_module(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield patch


def test_logs_scores_and_models(trained):
    board = EventAccumulator(str(trained / "tensorboard"), {"images": 0, "scalars": 0}).Reload()
    scalars = set(board.Tags()["scalars"])
    losses = {f"loss/{side}_{kind}" for side in ("source", "target") for kind in ("segmentation", "regression")}
    assert losses | {"optimizer/learning_rate", "target/noise_step", "target/quality", "validation/miou"} <= scalars
    assert {"data/waiting_share", "validation_iou/road"} <= scalars
    assert [point.step for point in board.Scalars("target/noise_step")] == [1, 2, 3]
    assert [picture.step for picture in board.Images("mixed_pass")] == [2, 3]
    history = json.loads((trained / "scores.json").read_text())
    assert [entry["iteration"] for entry in history] == [2, 3]
    assert set(history[0]["class_iou"]) == set(STREET_9.names)
    for name in ("best", "last"):
        network, config = load_model(trained / name)
        assert (config.modality, config.label_set, config.name) == ("thermal", STREET_9, "base@whole")
        assert isinstance(network, MADM)
    assert (trained / "training.csv").read_text().count("\n") == 4


def test_resumed_equals_unbroken(place, trained):
    told = run(place / "config.yaml", "--out", place / "broken", "--option", "workers=0", "--resume")
    assert told[0] == 1
    assert "no checkpoint" in told[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Board, "add_step", lambda _, done, *__: done == 2 and signal.raise_signal(signal.SIGINT))
        options = ["--option", "workers=0", "--option", "crop=[16, 32]", "--threads", torch.get_num_threads()]
        code, told = run(place / "config.yaml", "--out", place / "broken", *options)
    assert code == 1
    command = _going_on(place / "config.yaml", place / "broken", False, options[1:4:2], "cpu", options[-1])
    assert f"go on with: {command}\n" in told
    code, told = run(place / "config.yaml", "--out", place / "broken")
    assert code == 1
    assert "holds a training of 2 iterations" in told
    for options, other in (
        (("--option", "target_share=0.5", "--option", "target.resize=[48, 64]"), "target.resize, target_share"),
        (("--option", f"base={place / 'other'}", "--paper"), "base, paper"),
        (("--option", "iterations=5"), "training.iterations"),
    ):
        code, told = run(place / "config.yaml", "--out", place / "broken", "--resume", *options)
        assert code == 1
        assert f"broken holds a training with another {other}: go on with what" in " ".join(told.split())
    code, told = run(place / "config.yaml", "--out", place / "broken", "--resume")
    assert code == 0, told
    for name in ("last", "best"):
        whole, resumed = (load_file(folder / name / "model.safetensors") for folder in (trained, place / "broken"))
        assert all(torch.equal(whole[key], resumed[key]) for key in whole), name
    assert (place / "broken" / "scores.json").read_text() == (trained / "scores.json").read_text()


def test_errors_come_before_anything_long(place, tmp_path):
    text = (place / "config.yaml").read_text()
    (tmp_path / "c.yaml").write_text(text)
    wrong = {
        "target.root=/nowhere": "there is no folder /nowhere",
        "source.name=kitti": "there is no data set 'kitti'",
        "precision=float16": "float16 training needs CUDA",
        "crop=[64, 64]": "larger than cityscapes's images",
        "base=/nowhere": "is not a model folder",
        "iteration=3": "unknown option 'iteration'",
    }
    for option, message in wrong.items():
        code, told = run(tmp_path / "c.yaml", "--out", tmp_path / "out", "--option", option)
        assert code == 1, option
        assert message in " ".join(told.split()), told


def test_what_is_printed_to_go_on_with_has_all_that_was_given() -> None:
    plain = _going_on(Path("a.yaml"), Path("runs/train/a"), False, [], "auto", 0)
    assert plain == "madm train a.yaml --out runs/train/a --resume"
    told = _going_on(Path("my a.yaml"), Path("b"), True, ["target_share=0.1", "crop=[8, 8]"], "cpu", 2)
    options = "--option target_share=0.1 --option 'crop=[8, 8]' --paper --device cpu --threads 2"
    assert told == f"madm train 'my a.yaml' --out b {options} --resume"
