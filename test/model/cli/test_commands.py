# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The command line: what commands write, and that bad input ends in one line and status 1."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from adaptation_samples import write_bag, write_model
from rich.console import Console
from typer.testing import CliRunner

from madm_model.architecture import TINY
from madm_model.checkpoint.model_folder import save_model
from madm_model.cli.app import app
from madm_model.cli.bench import speed_table
from madm_model.io.bags import BagReader
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.network import MADM
from madm_model.speed.inference import Speed


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
    commands = ("segment", "adapt", "versions", "rollback", "simulate", "events")
    for command in (
        *commands,
        "new",
        "data",
        "import-official",
        "export",
        "bench",
        "benchmark",
        "train-embedded",
        "train-student",
    ):
        assert command in text


def test_the_command_line_starts_without_what_is_heavy():
    code = "import sys, madm_model.cli.app; print([m for m in ('cv2', 'numpy', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_segment_a_topic_of_a_simulated_drive(drive, model, tmp_path):
    out = tmp_path / "out"
    topic = ["--topic", "/depth/image_raw", "--modality", "depth"]
    result = run("segment", str(drive), "--model", str(model), "--out", str(out), *topic)
    assert result.exit_code == 0, result.output
    assert "3 frames segmented" in result.stdout and "inference" in result.stdout
    with BagReader(out / "bag") as bag:
        assert bag.topics()["/depth/labels"].count == 3


def test_without_a_model_the_embedded_one_of_the_modality_is_taken(drive, tmp_path):
    for modality, name in (("depth", "student-depth"), ("rgb", "tiny-rgb")):
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
        (
            ["{drive}", "--topic", "/thermal/image_raw", "--model", "{model}", "--runtime", "fast"],
            "unknown runtime 'fast': use auto, torch",
        ),
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
    assert "0 frames" not in result.stdout
    again = run("segment", str(drive), "--topic", "/rgb/image_raw", "--modality", "rgb", "--out", str(tmp_path / "out"))
    assert again.exit_code == 0, again.output


def test_folders_named_like_markup_are_told_as_they_are(model, tmp_path):
    images, out = tmp_path / "[night]", tmp_path / "[blue]"
    images.mkdir()
    cv2.imwrite(str(images / "1.png"), np.zeros((24, 32), np.uint8))
    (images / "2.png").write_bytes(b"no image")
    result = run("segment", str(images), "--model", str(model), "--out", str(out))
    assert result.exit_code == 0, result.output
    assert f"left out 1 frame: {images / '2.png'}: " in result.stdout
    assert f"1 frames segmented into {out} by " in result.stdout


def test_a_bag_that_breaks_off_is_segmented_up_to_there_and_that_is_told(tmp_path):
    bag, model = write_bag(tmp_path / "cut", 2000), write_model(tmp_path / "model")
    (file,) = bag.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    result = run("segment", str(bag), "--stride=100", "--model", str(model), "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "is not a complete bag, recording was cut off" in result.stderr
    assert (tmp_path / "out" / "labels" / "000000.png").exists()
    result = run("segment", str(bag), "--end=1", "--model", str(model), "--out", str(tmp_path / "start"))
    assert (result.exit_code, result.stderr) == (0, "")


def test_frames_are_prepared_as_on_the_robot(drive, model, tmp_path):
    arguments = ["segment", str(drive), "--topic", "/thermal/image_raw", "--model", str(model)]
    params = tmp_path / "robot.yaml"
    text = (Path(__file__).parents[3] / "config" / "thermal.yaml").read_text()
    params.write_text(text.replace("invert: false", "invert: true"))
    thumbnails = []
    for number, given in enumerate(([], ["--params", str(params)])):
        out = tmp_path / str(number)
        assert run(*arguments, "--out", str(out), *given).exit_code == 0
        with BagReader(out / "bag") as bag:
            assert bag.topics()["/thermal/labels"].count == 3
        sheet = cv2.imread(str(out / "contact_sheet.png"))
        thumbnails.append(sheet[30:90, 10:80].astype(int))  # of the first image
    assert np.median(np.abs(thumbnails[0] + thumbnails[1] - 255)) <= 1
    refused = run(*arguments, "--out", str(tmp_path / "depth"), "--params", str(params), "--modality", "depth")
    assert refused.exit_code == 1 and "is for thermal: give --modality thermal" in refused.stderr


def test_what_the_system_refuses_is_told_with_the_files_name(drive, tmp_path):
    (tmp_path / "file").write_text("")
    arguments = ["--topic", "/thermal/image_raw", "--out", str(tmp_path / "file" / "out")]
    result = run("segment", str(drive), *arguments)
    assert result.exit_code == 1
    assert result.stderr.strip().endswith("not a directory") and "Errno" not in result.stderr


def test_unknown_architecture_of_bench():
    result = run("bench", "--architecture", "huge", "--no-node")
    assert result.exit_code == 1 and "use auto, tiny, sd14" in result.stderr


def test_a_wrong_setting_of_bench_is_told_before_anything_is_measured():
    result = run("bench", "--architecture", "tiny", "--no-node", "--training", "--option", "speed=9")
    assert result.exit_code == 1 and "unknown option 'speed'" in result.stderr
    assert "frames/s" not in result.stdout
    result = run("bench", "--no-node", "--option", "speed")
    assert result.exit_code == 1 and "write NAME=VALUE" in result.stderr


def test_the_table_of_speeds_is_whole_on_a_narrow_console():
    long_name = "segformer-b0 of 512x512"
    console = Console(width=80, record=True)
    console.print(speed_table([Speed(long_name, "openvino float32", (512, 512), 1234.5, 1200.0, 12.0, {}, None)]))
    told = console.export_text()
    assert "…" not in told
    assert "GPU" not in told
    on_gpu = Speed(long_name, "torch float16", (512, 512), 12.5, 12.0, 1.0, {}, 2**31)
    console.print(speed_table([on_gpu]))
    assert "2048" in console.export_text()
