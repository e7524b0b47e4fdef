# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Versions without ROS: listed, rolled back, segmented with."""

from __future__ import annotations

from pathlib import Path

import pytest
from adaptation_samples import write_bag, write_model
from typer.testing import CliRunner

from madm_model.cli.app import app
from madm_model.store import BASE, VersionInfo, VersionStore


def run(*arguments: str | Path):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


@pytest.fixture
def store(tmp_path) -> VersionStore:
    """Two versions, of which the second did not pass its gate."""
    store = VersionStore(tmp_path / "store", write_model(tmp_path / "base"))
    gates = ({"passed": True}, {"passed": False, "reason": "confidence fell"})
    for seed, gate in enumerate(gates, 1):
        store.add(
            lambda folder, seed=seed: write_model(folder, seed),
            lambda name, gate=gate: VersionInfo(name, BASE, "job", "thermal", gate, {"iterations": 70}),
        )
    store.activate("v0001")
    return store


def test_versions_are_listed_with_the_active_one(store) -> None:
    result = run("versions", store.root)
    rows = {words[0]: words for line in result.stdout.splitlines() if (words := line.replace("│", " ").split())}
    assert result.exit_code == 0
    assert "active" in rows["v0001"] and "passed" in rows["v0001"] and "70" in rows["v0001"]
    assert "active" not in rows["v0002"] and "confidence" in rows["v0002"]
    assert "active" not in rows["base"]


def test_rollback_goes_back_or_to_a_named_version(store) -> None:
    assert "base is active" in run("rollback", store.root).stdout
    assert "v0002 is active" in run("rollback", store.root, "v0002").stdout
    assert store.read().active == "v0002"
    unknown = run("rollback", store.root, "v0009")
    assert unknown.exit_code == 1 and "there is no version 'v0009': use one of base, v0001, v0002" in unknown.stderr


def test_a_version_that_was_only_kept_is_activated(store) -> None:
    assert "v0002 is active" in run("activate", store.root).stdout
    assert "v0001 is active" in run("activate", store.root, "v0001").stdout
    assert store.read().active == "v0001"
    unknown = run("activate", store.root, "v0009")
    assert unknown.exit_code == 1 and "there is no version 'v0009'" in unknown.stderr


def test_a_store_segments_with_its_active_version(store, tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", 3)
    result = run("segment", bag, "--store", store.root, "--model", store.base, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "is active in its place" not in result.stdout
    labels = (tmp_path / "out" / "labels" / "000000.png").read_bytes()
    store.rollback()
    again = run("segment", bag, "--store", store.root, "--model", store.base, "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again" / "labels" / "000000.png").read_bytes() != labels


def test_a_damaged_active_version_gives_way_and_that_is_told(store, tmp_path) -> None:
    (store.folder("v0001") / "model.safetensors").unlink()
    bag = write_bag(tmp_path / "bag", 3)
    result = run("segment", bag, "--store", store.root, "--model", store.base, "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "version v0001 cannot be used" in result.stdout and "base is active in its place" in result.stdout


def test_a_folder_that_is_no_store_is_refused(tmp_path) -> None:
    for command in (["versions", tmp_path], ["rollback", tmp_path / "gone"]):
        result = run(*command)
        assert result.exit_code == 1 and "is no store of versions" in result.stderr
