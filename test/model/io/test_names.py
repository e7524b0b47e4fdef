# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Names to write to that are not UTF-8: refused in one line by every command, where they ended the process before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from madm_model.io.bags import BagWriter
from madm_model.io.frames import InputError
from madm_model.labels import STREET_11
from madm_model.pictures import VideoFile
from madm_model.recording import ResultFolder

LATIN = os.fsdecode(b"caf\xe9")


def test_they_are_refused_before_anything_is_written(tmp_path) -> None:
    for write in (
        lambda: BagWriter(tmp_path / LATIN),
        lambda: VideoFile(tmp_path / f"{LATIN}.mp4", 10),
        lambda: ResultFolder(tmp_path / LATIN, STREET_11, 0.5, 10, None),
        lambda: ResultFolder(tmp_path / LATIN / "results", STREET_11, 0.5, 10, None),
    ):
        with pytest.raises(InputError, match=r"caf\\xe9.* is no name in UTF-8: choose another one to write to"):
            write()
    assert not list(tmp_path.iterdir())


def test_a_command_ends_with_one_line(tmp_path) -> None:
    events = tmp_path / "dot.txt"
    events.write_text("4 4\n" + "".join(f"{k / 1000} 1 1 1\n" for k in range(100)))
    command = [sys.executable, "-m", "madm_model.cli.app", "events", str(events), "--out"]
    out = f"{tmp_path}/{LATIN}.mp4"
    ended = subprocess.run([*command, out], capture_output=True, cwd=Path(__file__).parents[3], check=False)
    assert ended.returncode == 1
    assert ended.stderr.count(b"\n") == 1 and rb"caf\xe9.mp4 is no name in UTF-8" in ended.stderr
