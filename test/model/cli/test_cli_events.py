# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm events` from the shell's point of view."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from madm_model.cli.events import events


def run(*arguments: str):
    app = typer.Typer()
    app.command()(events)
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A dot that runs along a row for a second, as event text."""
    path = tmp_path / "dot.txt"
    path.write_text("64 48\n" + "".join(f"{k / 1000} {k * 64 // 1000} 20 {k % 2}\n" for k in range(1000)))
    return path


def test_statistics(text):
    result = run(str(text))
    assert result.exit_code == 0, result.output
    assert "1000 (50.0 % on, 50.0 % off)" in result.output
    assert "64 x 48" in result.output


def test_span(text):
    result = run(str(text), "--start", "0.1", "--end", "0.3")
    assert "200 (50.0 % on" in result.output


def test_video(text, tmp_path):
    out = tmp_path / "dot.mp4"
    result = run(str(text), "--out", str(out), "--period", "0.05", "--fps", "20")
    assert result.exit_code == 0, result.output
    video = cv2.VideoCapture(str(out))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 19
    # The dot has run on to the right.
    brightest = [int(np.argmax(frame[..., 0].max(axis=0))) for frame in (frames[3], frames[17])]
    assert brightest[0] < 20 < 50 < brightest[1]


def test_video_by_count(text, tmp_path):
    result = run(str(text), "--out", str(tmp_path / "dot.mp4"), "--count", "100", "--mode", "polarity")
    assert "10 frames of polarity" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a recording"),
        (["nowhere.raw"], "does not exist"),
        (["TEXT", "--mode", "edges"], "mode is 'edges'"),
        (["TEXT", "--out", "a.avi"], "written as .mp4"),
        (["TEXT", "--out", "OUT", "--count", "5000"], "too short"),
    ],
)
def test_bad_input_is_one_line(text, tmp_path, arguments, message):
    places = {"TEXT": str(text), "OUT": str(tmp_path / "a.mp4")}
    result = run(*[places.get(argument, argument) for argument in arguments])
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())


def test_bench_measures_every_mode(text, monkeypatch):
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    result = run(str(text), "--bench")
    assert result.exit_code == 0, result.output
    for stage in ("decode evt3", "packets to frames decay", "packets to frames speed_invariant", "edge_map, signed"):
        assert stage in result.output
