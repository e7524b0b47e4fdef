# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The launch file of a whole robot: which processes it starts, and what it refuses before it starts any."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_ros", reason="launch_ros is not installed; it comes with a ROS 2 distribution")

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from robot_samples import CAMERAS, write_robot_bag

from launch import LaunchContext

ROOT = Path(__file__).resolve().parents[3]


def processes(**arguments: str) -> list[Any]:
    """The processes of the launch file with these arguments."""
    spec = importlib.util.spec_from_file_location("robot_launch", ROOT / "launch" / "robot.launch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    context = LaunchContext()
    given = {"robot_file": str(ROOT / "config" / "robot.yaml"), **arguments}
    context.launch_configurations.update(given)
    nodes = []
    for action in module.generate_launch_description().entities:
        if isinstance(action, DeclareLaunchArgument) and action.name not in given:
            action.execute(context)
        elif isinstance(action, OpaqueFunction):
            nodes += action.execute(context)
    return nodes


def command(node: Any) -> list[str]:
    """The arguments of a process, but for those that depend on where it is installed."""
    return [argument[0].text for argument in node.cmd if hasattr(argument[0], "text")]


@pytest.fixture
def write_file(tmp_path):
    def write(more: str) -> str:
        path = tmp_path / "robot.yaml"
        cameras = ", ".join(f"{{name: {name}, modality: {modality}}}" for name, modality in CAMERAS.items())
        path.write_text(f"cameras: [{cameras}]\n{more}")
        return str(path)

    return write


def test_one_process_for_all_cameras_or_one_for_each(write_file) -> None:
    (node,) = processes()
    assert node.node_executable == "cameras"
    assert command(node)[:2] == [str(ROOT / "config" / "robot.yaml"), "--ros-args"]
    nodes = processes(robot_file=write_file("processes: per_camera\n"))
    assert [command(node)[1:3] for node in nodes] == [["--only", name] for name in ("front", "rear", "lidar", "dvs")]


def test_a_lifecycle_manager_may_bring_the_cameras_up(write_file) -> None:
    (node,) = processes(autostart="false")
    assert command(node)[1:3] == ["--autostart", "false"]
    node = processes(robot_file=write_file("processes: per_camera\n"), autostart="true")[0]
    assert command(node)[1:5] == ["--autostart", "true", "--only", "front"]


def test_each_store_has_its_server(write_file) -> None:
    nodes = processes(robot_file=write_file("adapt: {bag_roots: [/data]}\n"))
    assert [node.node_executable for node in nodes] == ["cameras", *["adapt_server"] * 3]
    for node in nodes[1:]:
        node._perform_substitutions(LaunchContext())
    namespaces = [node.expanded_node_namespace for node in nodes[1:]]
    assert namespaces == ["/madm/thermal", "/madm/depth", "/madm/event"]


def test_each_camera_has_its_recorder_if_asked(write_file) -> None:
    nodes = processes(robot_file=write_file("record: {minutes: 20.0}\n"))
    assert [node.node_executable for node in nodes] == ["cameras", *["record"] * 4]
    for node in nodes[1:]:
        node._perform_substitutions(LaunchContext())
    assert [node.node_name for node in nodes[1:]] == [f"/madm/{name}_recorder" for name in CAMERAS]


def test_a_bag_is_played_once_all_cameras_listen(write_file, tmp_path) -> None:
    bag = str(write_robot_bag(tmp_path / "bag", seconds=0.1))
    player = processes(robot_file=write_file(""), bag=bag)[-1]
    assert player.node_executable == "bag_player"
    words = command(player)
    topics = ["/front/image_raw", "/rear/image_raw", "/lidar/image_raw", "/dvs/events"]
    assert words[words.index("--wait-for") + 1 :][:4] == topics
    words = command(processes(robot_file=write_file("record: {}\n"), bag=bag)[-1])
    assert words[words.index("--wait-for") + 1 :][:8] == [topic for topic in topics for _ in ("camera", "recorder")]
    other = write_file("").replace("robot.yaml", "other.yaml")
    Path(other).write_text("cameras: [{name: side, modality: thermal}]\n")
    with pytest.raises(RuntimeError, match=r"no topic /side/image_raw.*: set image_topic of side in the robot's file"):
        processes(robot_file=other, bag=bag)


def test_a_wrong_file_is_refused_before_anything_starts(write_file) -> None:
    with pytest.raises(RuntimeError, match=r"robot.yaml: of all cameras: unknown parameter 'max_fsp': do you mean max"):
        processes(robot_file=write_file("parameters: {max_fsp: 3}\n"))


# The command ros2 of a distribution runs in the system's Python, which has what rosdep brings and nothing from pip.
_SYSTEM_PYTHON = """
import runpy, sys

class FromPip:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, FromPip())
sys.path[:] = {path}
from launch import LaunchContext

context = LaunchContext()
context.launch_configurations.update({arguments})
descriptions = [runpy.run_path(file)["generate_launch_description"]() for file in {files}]
for action in descriptions[-1].entities:
    for node in action.execute(context) or []:
        print(node.node_executable)
"""


def test_the_launch_files_need_nothing_that_is_from_pip_alone(write_file, tmp_path, monkeypatch) -> None:
    bag = str(write_robot_bag(tmp_path / "bag", seconds=0.1))
    arguments = {"robot_file": write_file("record: {}\nadapt: {}\n"), "bag": bag}
    executable = tmp_path / "lib" / "madm_ros" / "launch_answers"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!{sys.executable}\nfrom madm_ros.executables import launch_answers\nlaunch_answers()\n")
    executable.chmod(0o755)
    resource = tmp_path / "share" / "ament_index" / "resource_index" / "packages" / "madm_ros"
    resource.parent.mkdir(parents=True)
    resource.touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path), prepend=":")
    manifest = (ROOT / "package.xml").read_text()
    (listed,) = re.findall(r"too old: ([^.]+)\.", manifest)
    names = {name.replace("-", "_") for name in re.split(r",\s+", listed)} | {"rosbags"}
    robot = ROOT / "launch" / "robot.launch.py"
    files = [str(path) for path in (*(ROOT / "launch").glob("*.launch.py"), robot)]
    program = _SYSTEM_PYTHON.format(names=names, path=sys.path, arguments=arguments, files=files)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == ["cameras", *["adapt_server"] * 3, *["record"] * 4, "bag_player"]
