# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the README shows in Python runs as it stands there, and its table of commands has them all."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from documents import code_words, table

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_the_segmenter_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (block,) = [block for block in BLOCKS if "Segmenter" in block]
    frames = tmp_path / "my_bag"
    frames.mkdir()
    for index in range(2):
        np.save(frames / f"{index}.npy", np.random.default_rng(index).integers(0, 16384, (48, 64), np.uint16))
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("(48, 64)" in line for line in lines)


def test_every_command_is_in_the_table() -> None:
    from madm_model.cli.app import app

    commands = {command.name for command in (*app.registered_commands, *app.registered_groups)}
    told = {words.split()[1] for row in table("README.md", "command") for words in code_words(row[0])}
    assert told == commands
