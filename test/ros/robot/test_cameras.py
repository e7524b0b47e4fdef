# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A robot of four cameras over DDS: labels of all of them at their names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")
pytest.importorskip("event_camera_msgs.msg", reason="event_camera_msgs is not installed")

from diagnostic_msgs.msg import DiagnosticArray
from robot_samples import CAMERAS, write_robot, write_robot_bag
from ros_helpers import wait_until
from sensor_msgs.msg import Image

from madm_ros.robot.cameras import make_camera
from madm_ros.robot.config import read_robot
from madm_ros.sharing.shared_networks import SharedNetworks

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def robot_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the robot's file, its models and a recording of its cameras."""
    folder = tmp_path_factory.mktemp("robot")
    write_robot(folder)
    write_robot_bag(folder / "bag", seconds=1.0)
    return folder


def test_autostart_of_the_command_line_wins_over_the_file(ros, tmp_path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text("cameras: [{name: front, modality: thermal}]\nparameters: {autostart: true}\n")
    robot = read_robot(path)
    for given, expected in ((None, True), (False, False)):
        (node,) = make_camera(robot, robot.cameras[0], SharedNetworks(), autostart=given, use_global_arguments=False)
        assert node.get_parameter("autostart").value is expected
        node.destroy_node()


@pytest.mark.parametrize("together", [True, False])
def test_labels_of_all_cameras_come_at_their_names(peer, spin, play, robot_folder, together: bool) -> None:
    """Together, those of one model share it; else each is alone, as in a process of its own."""
    robot = read_robot(robot_folder / "robot.yaml")
    networks = [SharedNetworks()] * len(CAMERAS) if together else [SharedNetworks() for _ in CAMERAS]
    nodes = {
        camera.name: make_camera(robot, camera, own, use_global_arguments=False)
        for camera, own in zip(robot.cameras, networks)
    }
    labels = {name: peer.collect(Image, f"/madm/{name}/labels") for name in CAMERAS}
    edges = peer.collect(Image, "/madm/dvs_edges/edges")
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    for made in nodes.values():
        assert made[-1].bring_up()
    everything = [node for made in nodes.values() for node in made]
    spin(*everything)
    for name in CAMERAS:
        topic = f"/madm/{name}/labels"
        wait_until(lambda topic=topic: nodes["front"][0].count_subscribers(topic) == 1, "a listener to the labels")

    def missing() -> list[str]:
        return [name for name, messages in labels.items() if not messages]

    for _ in range(5):  # the bag lasts a second, and a busy machine is late
        play(robot_folder / "bag")
        if not missing() and edges:
            break
    wait_until(lambda: not missing(), "labels of all cameras")
    for name, messages in labels.items():
        assert messages[0].header.frame_id == name
        assert (messages[0].width, messages[0].height, messages[0].encoding) == (48, 32, "mono8")
    wait_until(lambda: edges, "edges")

    key = "cameras of this network"

    def sharing() -> dict[str, str]:
        return {
            status.name.split("/")[2].split(":")[0]: {item.key: item.value for item in status.values}[key]
            for report in reports
            for status in report.status
            if any(item.key == key for item in status.values)
        }

    of_thermal = "2" if together else "1"
    expected = {"front": of_thermal, "rear": of_thermal, "lidar": "1", "dvs": "1"}
    wait_until(lambda: sharing() == expected, "reports of all cameras")


def run_cameras(*arguments: str, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "madm_ros.robot.cameras", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ.copy(), stderr=subprocess.PIPE, text=True, **options)


def test_one_camera_may_have_a_process_of_its_own(peer, play, robot_folder) -> None:
    labels = peer.collect(Image, "/madm/lidar/labels")
    process = run_cameras(str(robot_folder / "robot.yaml"), "--only", "lidar")
    try:
        wait_until(lambda: peer.node.count_publishers("/madm/lidar/labels") == 1, "the node", timeout_s=180)
        assert peer.node.count_publishers("/madm/front/labels") == 0

        def attempt() -> bool:
            play(robot_folder / "bag", rate=10.0)
            return bool(labels)

        wait_until(attempt, "labels", timeout_s=60)
    finally:
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.yaml"], "cameras: nowhere.yaml cannot be read: No such file or directory"),
        (["{robot}", "--only", "nobody"], "{robot} has no camera nobody: it has front, rear, lidar, dvs"),
    ],
)
def test_what_cannot_be_is_one_line(robot_folder, arguments: list[str], words: str) -> None:
    robot = str(robot_folder / "robot.yaml")
    process = run_cameras(*(argument.format(robot=robot) for argument in arguments))
    _, log = process.communicate(timeout=120)
    assert process.returncode == 1
    assert log.strip().splitlines()[-1].endswith(words.format(robot=robot))
    assert len(log.strip().splitlines()) == 1
