"""ROS 2's own linters, where they are installed; elsewhere that they are told what ruff is told."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


def test_flake8_and_ruff_have_one_line_length() -> None:
    tomllib = pytest.importorskip("tomllib", reason="tomllib comes with Python 3.11")
    flake8 = configparser.ConfigParser()
    flake8.read(CHECKOUT / ".flake8")
    ruff = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["ruff"]
    assert flake8.getint("flake8", "max-line-length") == ruff["line-length"]


def test_ament_flake8_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    ament_flake8 = pytest.importorskip("ament_flake8.main", reason="ament_flake8 comes with a ROS 2 distribution")
    monkeypatch.chdir(CHECKOUT)  # it looks from here for folders to leave out
    status, errors = ament_flake8.main_with_errors(argv=["--config", ".flake8"])
    assert status == 0, "\n".join(errors)
