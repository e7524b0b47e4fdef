# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Both ROS packages are found and well-formed, and the wheel carries launch files, configuration and weights."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import madm_model

CHECKOUT = Path(__file__).resolve().parents[2]
MANIFESTS = [
    "package.xml",
    "msg/package.xml",
    *(f"msg/wire_compatible/{n}" for n in ("vision_msgs", "event_camera_msgs")),
]


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_manifest_is_valid(manifest):
    catkin_pkg = pytest.importorskip("catkin_pkg.package", reason="catkin_pkg comes with colcon")
    warnings: list[str] = []
    package = catkin_pkg.parse_package(str(CHECKOUT / manifest), warnings=warnings)
    assert warnings == []
    assert package.version == madm_model.__version__
    assert package.licenses == ["Apache-2.0"]


def test_colcon_finds_both_packages_in_the_checkout():
    search_path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    colcon = shutil.which("colcon", path=search_path)
    if colcon is None:
        pytest.skip("colcon is not installed")
    command = [colcon, "--log-base", os.devnull, "list", "--names-only"]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout.split()
    assert sorted(listed) == ["madm_msgs", "madm_ros"]


def test_colcon_test_runs_pytest():
    """colcon runs unittest, which finds nothing here, unless the package says that its tests need pytest."""
    task = pytest.importorskip("colcon_core.task.python.test", reason="colcon is not installed")
    from colcon_core.package_augmentation.python import extract_dependencies
    from colcon_python_setup_py.package_identification.python_setup_py import get_setup_information

    setup_py = get_setup_information(CHECKOUT / "setup.py")
    assert "pytest" in [str(dependency) for dependency in extract_dependencies(setup_py)["test"]]
    assert task.has_test_dependency(setup_py, "pytest")


def test_every_requirement_is_named_in_the_package_manifest():
    """By its rosdep key, or among what comes from pip alone."""
    manifest = (CHECKOUT / "package.xml").read_text()
    keys = {"h5py": "python3-h5py", "jinja2": "python3-jinja2", "pillow": "python3-pil", "PyYAML": "python3-yaml"}
    keys |= {"rosbags": "python3-rosbags-pip"}
    from_pip = manifest[manifest.index("From pip alone") :]
    lines = [line for name in ("torch", "runtime") for line in requirement_lines(name)]
    assert len(lines) > 10
    for name in {line.split("==")[0] for line in lines}:
        found = f"<exec_depend>{keys[name]}</exec_depend>" in manifest if name in keys else name in from_pip
        assert found, f"package.xml does not tell where {name} comes from"


def requirement_lines(name: str) -> list[str]:
    lines = (CHECKOUT / "requirements" / f"{name}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_wheel_carries_code_launch_files_configuration_and_weights(tmp_path):
    command = [sys.executable, "setup.py", "-q", "egg_info", "--egg-base", str(tmp_path)]
    command += ["build", "--build-base", str(tmp_path / "build")]
    command += ["bdist_wheel", "--bdist-dir", str(tmp_path / "bdist"), "--dist-dir", str(tmp_path / "dist")]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    code = [p for package in ("madm_model", "madm_ros") for p in (CHECKOUT / package).rglob("*.py")]
    weights = [p for p in (CHECKOUT / "madm_model" / "weights").rglob("*") if p.is_file()]
    missing = [str(p) for p in (*code, *weights) if p.relative_to(CHECKOUT).as_posix() not in names]
    assert missing == []

    data = f"madm_ros-{madm_model.__version__}.data/data/share"
    assert f"{data}/ament_index/resource_index/packages/madm_ros" in names
    assert f"{data}/madm_ros/package.xml" in names
    shared = [*(CHECKOUT / "launch").glob("*.launch.py"), *(CHECKOUT / "config").rglob("*.*")]
    paths = [path.relative_to(CHECKOUT).as_posix() for path in shared]
    missing = [path for path in paths if f"{data}/madm_ros/{path}" not in names]
    assert missing == []
