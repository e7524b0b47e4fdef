"""The command line: what commands write, and that bad input ends in one line and status 1."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from madm_model.architecture import TINY
from madm_model.checkpoint.model_folder import save_model
from madm_model.cli.app import app
from madm_model.io.bags import BagReader
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.network import MADM


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "random"
    torch.manual_seed(0)
    config = ModelConfig("random", TINY, STREET_11, "thermal", (64, 96), keep_aspect=True)
    save_model(folder, MADM(TINY, len(STREET_11)), config)
    return folder


@pytest.fixture(scope="module")
def drive(tmp_path_factory) -> Path:
    bag = tmp_path_factory.mktemp("drive") / "bag"
    arguments = ["--out", str(bag), "--seconds", "0.3", "--rate", "10", "--width", "96", "--height", "64"]
    assert run("simulate", *arguments).exit_code == 0
    return bag


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


def test_help_names_every_command():
    text = run("--help").stdout
    for command in ("segment", "simulate", "events", "import-official", "bench", "train-embedded"):
        assert command in text


def test_segment_a_topic_of_a_simulated_drive(drive, model, tmp_path):
    out = tmp_path / "out"
    topic = ["--topic", "/depth/image_raw", "--modality", "depth"]
    result = run("segment", str(drive), "--model", str(model), "--out", str(out), *topic)
    assert result.exit_code == 0, result.output
    assert "3 frames segmented" in result.stdout and "inference" in result.stdout
    with BagReader(out / "bag") as bag:
        assert bag.topics()["/depth/labels"].count == 3


def test_without_a_model_the_embedded_one_of_the_modality_is_taken(drive, tmp_path):
    for modality, name in (("depth", "tiny-depth"), ("rgb", "tiny-rgb")):
        topic = ["--topic", f"/{modality}/image_raw", "--modality", modality]
        result = run("segment", str(drive), "--out", str(tmp_path / modality), *topic)
        assert result.exit_code == 0, result.output
        assert f" by {name}" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["{drive}", "--model", "{model}"], "has several image topics"),
        (["{drive}", "--topic", "/radar", "--model", "{model}"], "has no topic /radar"),
        (["nowhere", "--model", "{model}"], "nowhere does not exist"),
        (["{drive}", "--topic", "/thermal/image_raw", "--model", "nowhere"], "no model folder nowhere"),
        (["{drive}", "--topic", "/thermal/image_raw", "--modality", "radar"], "modality 'radar'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(arguments, complaint, drive, model, tmp_path):
    out = tmp_path / "out"
    filled = [argument.format(drive=drive, model=model) for argument in arguments]
    result = run("segment", *filled, "--out", str(out))
    assert result.exit_code == 1
    assert complaint in result.stderr and result.stderr.startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert not out.exists()


def test_frames_of_the_wrong_kind_are_named_once(drive, model, tmp_path):
    # Depth preprocessing cannot read 8-bit colour.
    arguments = ["--topic", "/rgb/image_raw", "--modality", "depth", "--model", str(model)]
    result = run("segment", str(drive), *arguments, "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "left out 3 frames" in result.stdout and "no frame could be segmented" in result.stderr


def test_unknown_architecture_of_bench():
    result = run("bench", "--architecture", "huge", "--no-node")
    assert result.exit_code == 1 and "use auto, tiny, sd14" in result.stderr


def test_a_wrong_setting_of_bench_is_told_before_anything_is_measured():
    result = run("bench", "--architecture", "tiny", "--no-node", "--training", "--option", "speed=9")
    assert result.exit_code == 1 and "unknown option 'speed'" in result.stderr
    assert "frames/s" not in result.stdout
    result = run("bench", "--no-node", "--option", "speed")
    assert result.exit_code == 1 and "write NAME=VALUE" in result.stderr
