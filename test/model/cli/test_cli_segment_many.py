# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm segment` of several recordings."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from adaptation_samples import write_bag, write_model
from typer.testing import CliRunner

from madm_model import recording_source
from madm_model.bulk.task import Outcome, SegmentTask, run_task
from madm_model.cli import segment_many
from madm_model.cli.app import app
from madm_model.io.sources import open_frames


def run(*arguments: str | Path):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Sequence[str]]]:
    """Tasks that were run, in this process, with the devices of the processes that they would have had.

    Recordings are read in this process, too.
    """
    seen: list[tuple[str, Sequence[str]]] = []

    def read_here(path: Path, topic: str | None, edges: Any, *chosen: Any) -> tuple[Any, None]:
        return open_frames(path, topic, *chosen), None

    def run_here(tasks: Sequence[SegmentTask], devices: Sequence[str], threads: int) -> Iterator[Outcome]:
        for task in tasks:
            seen.append((task.recording.name, devices))
            yield run_task(task, devices[0])

    monkeypatch.setattr(segment_many, "run_on_machine", run_here)
    monkeypatch.setattr(recording_source, "open_recording", read_here)
    return seen


def test_done_ones_are_skipped_and_a_failed_one_is_named(tmp_path: Path, started) -> None:
    for name in ("drive1", "drive3"):
        write_bag(tmp_path / "drives" / name, 2)
    (tmp_path / "drives" / "drive2").mkdir()
    model, out = write_model(tmp_path / "model"), tmp_path / "[night]" / "out"
    arguments = ("segment", tmp_path / "drives" / "*", "--model", model, "--device", "cpu", "--out", out)
    result = run(*arguments, "--workers", "1")
    assert result.exit_code == 1
    assert [name for name, _ in started] == ["drive1", "drive2", "drive3"]
    assert "drive1: 2 frames segmented" in result.stdout and "drive3: 2 frames segmented" in result.stdout
    assert f"2 of 3 recordings segmented into {out}" in result.stdout
    (line,) = result.stderr.splitlines()
    drive = tmp_path / "drives" / "drive2"
    assert line.startswith(f"error: {drive} is neither a bag (no metadata.yaml) nor a folder of images")

    (tmp_path / "drives" / "drive2").rmdir()
    write_bag(tmp_path / "drives" / "drive2", 2)
    started.clear()
    result = run(*arguments, "--workers", "2")
    assert result.exit_code == 0, result.stderr
    assert started == [("drive2", ["cpu", "cpu"])]
    assert "1 of 3 recordings segmented" in result.stdout and "2 were done before" in result.stdout
    assert (out / "drive2" / "contact_sheet.png").is_file()

    started.clear()
    result = run("segment", *sorted((tmp_path / "drives").iterdir()), "--model", model, "--stride", "2", "--out", out)
    assert result.exit_code == 1 and started == []
    assert result.stderr.count("was made by another model, with other options") == 3


def test_without_ray_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    bag, model = write_bag(tmp_path / "bag", 1), write_model(tmp_path / "model")
    result = run("segment", bag, "--model", model, "--out", tmp_path / "out", "--ray", "auto")
    assert result.exit_code == 1
    assert "--ray needs the package ray, which is not installed: pip install ray" in result.stderr


def test_processes_are_as_many_as_gpus_or_as_cores_and_memory_allow(tmp_path: Path, monkeypatch) -> None:
    import torch

    from madm_model.bulk.task import SegmentOptions
    from madm_model.jobs import room

    options = SegmentOptions("thermal", write_model(tmp_path / "model"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert segment_many._devices(options, 0, 9) == ["cuda:0", "cuda:1"]
    assert segment_many._devices(options, 3, 9) == ["cuda:0", "cuda:1", "cuda:0"]
    assert segment_many._devices(replace(options, device="cuda:1"), 0, 9) == ["cuda:1"]
    assert segment_many._devices(replace(options, device="cuda:1"), 2, 9) == ["cuda:1"] * 2
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert segment_many._devices(replace(options, device="xpu"), 0, 9) == ["xpu"]
    monkeypatch.setattr(segment_many.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(room, "available_memory", lambda: 5_000_000_000)
    assert segment_many._devices(options, 0, 9) == ["auto"] * 4
    assert segment_many._devices(options, 0, 2) == ["auto"] * 2
    monkeypatch.setattr(room, "available_memory", lambda: 0)
    assert segment_many._devices(options, 0, 9) == ["auto"]
