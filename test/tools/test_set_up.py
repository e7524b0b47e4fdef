# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The set-up does what is needed, once, and says clearly when it cannot."""

from __future__ import annotations

import sys
import venv
from pathlib import Path
from types import SimpleNamespace

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tools"))

import build_interfaces  # noqa: E402
import set_up  # noqa: E402


def test_digest_follows_content_names_and_settings(monkeypatch, tmp_path):
    monkeypatch.setattr(set_up, "CHECKOUT", tmp_path)
    folder = tmp_path / "msg"
    folder.mkdir()
    (folder / "A.msg").write_text("int32 a\n")
    first = set_up.digest([folder], "x")
    assert set_up.digest([folder], "x") == first
    assert set_up.digest([folder], "y") != first
    (folder / "A.msg").write_text("int32 b\n")
    assert set_up.digest([folder], "x") != first
    (folder / "A.msg").write_text("int32 a\n")
    (folder / "A.msg").rename(folder / "B.msg")
    assert set_up.digest([folder], "x") != first


def test_step_is_done_once_and_again_after_a_change(tmp_path):
    runs = []

    def work() -> bool:
        runs.append(1)
        return True

    set_up.Environment(tmp_path, "").step("torch", "Installing torch", "key 1", work)
    set_up.Environment(tmp_path, "").step("torch", "Installing torch", "key 1", work)
    assert len(runs) == 1
    set_up.Environment(tmp_path, "").step("torch", "Installing torch", "key 2", work)
    assert len(runs) == 2


def test_failed_step_is_named_and_tried_again(tmp_path):
    environment = set_up.Environment(tmp_path, "")
    with pytest.raises(SystemExit, match="Installing torch"):
        environment.step("torch", "Installing torch", "key", lambda: False)
    assert "torch" not in set_up.Environment(tmp_path, "").done


def test_environment_of_another_kind_is_refused(tmp_path):
    set_up.Environment(tmp_path, "").mark("distribution", "")
    with pytest.raises(SystemExit, match="make distclean"):
        set_up.Environment(tmp_path, "jazzy").create()


def test_torch_stays_as_it_was_asked_for_once(tmp_path):
    (tmp_path / "bin").mkdir()
    assert set_up.torch_options(set_up.Environment(tmp_path, ""), "", "") == ("", "")
    assert set_up.torch_options(set_up.Environment(tmp_path, ""), "none", "") == ("none", "")
    assert set_up.torch_options(set_up.Environment(tmp_path, ""), "", "") == ("none", "")
    assert set_up.torch_options(set_up.Environment(tmp_path, ""), "", "--pre") == ("", "--pre")
    assert set_up.torch_options(set_up.Environment(tmp_path, ""), "", "") == ("", "--pre")


def test_an_environment_whose_python_is_gone_is_made_anew_with_all_steps(tmp_path, monkeypatch):
    set_up.Environment(tmp_path, "").mark("requirements", "key")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(tmp_path / "gone")
    monkeypatch.setattr(set_up.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0))
    set_up.Environment(tmp_path, "").create()
    assert set_up.Environment(tmp_path, "").done == {"distribution": ""}


def test_an_environment_of_another_python_is_refused_where_one_is_named(tmp_path, monkeypatch):
    venv.create(tmp_path, with_pip=False)
    set_up.Environment(tmp_path, "").create(python_named=True)
    monkeypatch.setattr(set_up, "PYTHON_VERSION", "3.9")
    set_up.Environment(tmp_path, "").create()
    with pytest.raises(SystemExit, match=r"was made with Python 3\.1\d, and PYTHON names 3\.9"):
        set_up.Environment(tmp_path, "").create(python_named=True)


def test_no_distribution_is_seen_where_none_is_sourced(monkeypatch):
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    assert set_up.ros_distribution() == ""


def test_distribution_of_another_python_is_refused(monkeypatch, tmp_path):
    other_python = tmp_path / "python3"
    other_python.write_text("#!/bin/sh\nexit 1\n")
    other_python.chmod(0o755)
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(other_python))
    with pytest.raises(SystemExit, match="ROS 2 jazzy is sourced"):
        set_up.ros_distribution()


def test_torch_falls_back_to_the_default_build_where_no_cpu_build_is_to_be_had(monkeypatch, tmp_path, capsys):
    asked = []

    class Recorder(set_up.Environment):
        def pip(self, *arguments: str, quiet: bool = False) -> bool:
            asked.append(arguments)
            return not arguments[0].endswith("+cpu")

    monkeypatch.setattr(set_up, "has_gpu", lambda: False)
    assert set_up.install_torch(Recorder(tmp_path, ""), "", ["--no-cache-dir"])
    version = asked[1][0]
    assert asked == [(f"{version}+cpu", "--no-cache-dir"), (version, "--no-cache-dir")]
    assert "TORCH_PIP_ARGS" in capsys.readouterr().out

    asked.clear()
    monkeypatch.setattr(set_up, "has_gpu", lambda: True)
    assert set_up.install_torch(Recorder(tmp_path, ""), "", [])
    assert asked == [(version,)]

    asked.clear()
    assert set_up.install_torch(Recorder(tmp_path, ""), "torch==2.9.0", [])
    assert asked == [("torch==2.9.0",)]


@pytest.mark.parametrize("options", [[], ["--docs"]])
def test_what_the_site_needs_is_installed_only_where_it_is_asked_for(monkeypatch, tmp_path, options):
    steps = []
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    monkeypatch.setattr(set_up, "ros_distribution", lambda: "")
    monkeypatch.setattr(set_up.Environment, "create", lambda *_: None)
    monkeypatch.setattr(set_up.Environment, "step", lambda self, name, *_: steps.append(name))
    monkeypatch.setattr(sys, "argv", ["set_up.py", "--venv", str(tmp_path), *options])
    set_up.main()
    assert steps == ["torch", "requirements", "interfaces", "project", *(option.strip("-") for option in options)]


def test_an_installed_message_package_wins(tmp_path):
    index = tmp_path / "share" / "ament_index" / "resource_index" / "packages"
    index.mkdir(parents=True)
    (index / "vision_msgs").touch()
    assert build_interfaces.packages_to_build([]) == ["vision_msgs", "event_camera_msgs", "madm_msgs"]
    assert build_interfaces.packages_to_build([tmp_path]) == ["event_camera_msgs", "madm_msgs"]


def test_missing_python_headers_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(build_interfaces.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(SystemExit, match=r"C headers of Python 3\.\d+ are missing"):
        build_interfaces.require_python_headers()


def test_every_requirement_is_pinned():
    for path in (CHECKOUT / "requirements").glob("*.txt"):
        for line in path.read_text().splitlines():
            requirement = line.partition("#")[0].partition(";")[0].strip()
            assert not requirement or "==" in requirement, f"{path.name}: {line}"
