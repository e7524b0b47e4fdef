# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""ROS 2's own linters, where they are installed; elsewhere that they are told what ruff is told."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDERS = ("launch", "madm_model", "madm_ros", "test", "tools")


def test_flake8_and_ruff_have_one_line_length() -> None:
    tomllib = pytest.importorskip("tomllib", reason="tomllib comes with Python 3.11")
    flake8 = configparser.ConfigParser()
    flake8.read(CHECKOUT / ".flake8")
    ruff = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["ruff"]
    assert flake8.getint("flake8", "max-line-length") == ruff["line-length"]


def test_every_python_file_begins_with_the_header_of_the_licence() -> None:
    header = "".join(Path(__file__).read_text().splitlines(keepends=True)[:7])
    assert "Apache License" in header
    files = [CHECKOUT / "setup.py", *(path for folder in FOLDERS for path in (CHECKOUT / folder).rglob("*.py"))]
    without = [str(path.relative_to(CHECKOUT)) for path in files if header not in path.read_text()[:1000]]
    assert not without, f"copy the first lines of test/tools/test_style.py to {', '.join(without)}"


def test_ament_copyright_finds_nothing() -> None:
    ament_copyright = pytest.importorskip(
        "ament_copyright.main", reason="ament_copyright comes with a ROS 2 distribution"
    )
    names = (*FOLDERS, "setup.py", "CONTRIBUTING.md", "LICENSE")
    assert ament_copyright.main(argv=[str(CHECKOUT / name) for name in names]) == 0


def test_ament_flake8_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ament_flake8 = pytest.importorskip("ament_flake8.main", reason="ament_flake8 comes with a ROS 2 distribution")
    monkeypatch.chdir(CHECKOUT)  # it looks from here for folders to leave out
    status, errors = ament_flake8.main_with_errors(argv=["--config", ".flake8"])
    assert status == 0, "\n".join(errors)
