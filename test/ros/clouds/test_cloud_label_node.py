# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The cloud label node over DDS."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from cloud_samples import (
    CONFIDENCE,
    LABELS,
    LIDAR_IN_CAMERA,
    cloud_message,
    info_message,
    labels_message,
    pixel_points,
    read_cloud,
)
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import TransformStamped
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from ros_helpers import Peer, image_message, wait_until
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from madm_ros.clouds.node import CloudLabelNode

COLUMNS, ROWS = np.array([1, 20, 40, 62]), np.array([46, 1, 30, 10])
POINTS = pixel_points(COLUMNS, ROWS, np.array([4.0, 5.0, 6.0, 7.0]))
WITH_STAMPS = ("a cloud in lidar", "a picture in camera_optical")
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@pytest.fixture
def start(spin: Callable[..., Any]) -> Callable[..., CloudLabelNode]:
    """Function that makes a cloud label node and spins it."""

    def start_node(**parameters: Any) -> CloudLabelNode:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        node = CloudLabelNode(parameter_overrides=overrides, use_global_arguments=False)
        spin(node)
        return node

    return start_node


class Robot:
    """Publishes what the node takes in."""

    def __init__(self, peer: Peer, geometry: Any, topic: str = "/cloud") -> None:
        self._sent = [
            (peer.publisher(type(geometry), topic), geometry),
            (peer.publisher(Image, "/labels"), labels_message()),
            (peer.publisher(Image, "/confidence"), labels_message(labels=CONFIDENCE)),
            (peer.publisher(CameraInfo, "/camera_info"), info_message()),
        ]

    @property
    def stamped(self) -> list[Any]:
        """Messages whose stamps change."""
        return [message for _, message in self._sent if hasattr(message, "header")]

    def send_until(self, condition: Callable[[], Any], what: str) -> None:
        """All of it again and again, each time with later stamps."""

        def send() -> Any:
            for publisher, message in self._sent:
                if hasattr(message, "header"):
                    message.header.stamp.sec += 1
                publisher.publish(message)
            return condition()

        wait_until(send, what)


def test_a_cloud_gets_the_labels_of_its_time(peer, start) -> None:
    start(static_transform=LIDAR_IN_CAMERA)
    palette = np.arange(768, dtype=np.uint32).astype(np.uint8).reshape(1, 256, 3)
    palettes = peer.node.create_publisher(Image, "/palette", LATCHED)
    palettes.publish(image_message(palette, "rgb8"))
    # As RViz and as drivers' consumers listen.
    clouds = peer.collect(PointCloud2, "/cloud_labels/points", qos_profile_sensor_data)
    robot = Robot(peer, cloud_message(POINTS))
    robot.send_until(lambda: len(clouds) > 3, "labelled clouds")
    message, points = clouds[-1], read_cloud(clouds[-1])[0]
    assert message.header.frame_id == "lidar"
    assert points.dtype.names == ("x", "y", "z", "intensity", "ring", "label", "confidence", "rgb")
    assert points["label"].tolist() == LABELS[ROWS, COLUMNS].tolist()
    np.testing.assert_allclose(points["confidence"], CONFIDENCE[ROWS, COLUMNS] / 255, rtol=1e-6)
    red, green, blue = palette[0, points["label"]].astype(np.uint32).T
    np.testing.assert_array_equal(points["rgb"].view(np.uint32), red << 16 | green << 8 | blue)


def test_nothing_is_made_while_nobody_listens_and_diagnostics_say_so(peer, start) -> None:
    start(static_transform=LIDAR_IN_CAMERA)
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    robot = Robot(peer, cloud_message(POINTS))

    def last() -> DiagnosticStatus | None:
        found = [status for report in reports for status in report.status]
        return next((status for status in reversed(found) if status.name == "/cloud_labels: cloud labels"), None)

    robot.send_until(lambda: last() and "idle" in last().message, "a report of idleness")
    assert last().level == DiagnosticStatus.OK
    clouds = peer.collect(PointCloud2, "/cloud_labels/points")
    robot.send_until(lambda: clouds and "% labelled" in last().message, "a report of clouds")
    values = {pair.key: pair.value for pair in last().values}
    assert values["points labelled [%]"] == "100.0"
    assert values["cloud topic"] == "/cloud" and float(values["labels rate [Hz]"]) > 0


def test_what_is_missing_is_said_once_with_what_to_do(peer, start, capfd) -> None:
    start(transform_wait_s=0.0, fixed_frame="")
    clouds = peer.collect(PointCloud2, "/cloud_labels/points")
    robot = Robot(peer, cloud_message(POINTS))
    text: list[str] = []

    def said() -> bool:
        text.append(capfd.readouterr().err)
        return "is in camera_optical" in "".join(text)

    robot.send_until(said, "an error")
    errors = re.findall(r"^\[ERROR\].*$", "".join(text), re.MULTILINE)
    assert "cloud left out: " in errors[-1]
    assert sum("is in camera_optical" in error for error in errors) == 1
    assert not clouds


def test_neither_a_stamp_before_1970_nor_an_error_of_tf_ends_the_node(peer, start, capfd, monkeypatch) -> None:
    found = TransformStamped()
    turn = found.transform.rotation
    turn.x, turn.y, turn.z, turn.w = map(float, LIDAR_IN_CAMERA.split()[3:])
    failures = [RuntimeError("TF has failed")]

    def lookup_transform_full(*_: Any) -> TransformStamped:
        if failures:
            raise failures.pop()
        return found

    buffer = SimpleNamespace(lookup_transform_full=lookup_transform_full)
    tf2_ros = SimpleNamespace(
        Buffer=object, TransformListener=lambda *_: SimpleNamespace(buffer=buffer), TransformException=KeyError
    )
    monkeypatch.setitem(sys.modules, "tf2_ros", tf2_ros)
    start()
    clouds = peer.collect(PointCloud2, "/cloud_labels/points")
    robot = Robot(peer, cloud_message(POINTS))
    text: list[str] = []

    def said() -> bool:
        for message in robot.stamped:
            message.header.stamp.sec = -2  # one more with each that is sent
        text.append(capfd.readouterr().err)
        return all(f"{what} left out: its stamp lies before 1970" in "".join(text) for what in WITH_STAMPS)

    robot.send_until(said, "errors")
    assert not clouds
    for message in robot.stamped:
        message.header.stamp.sec = 7
    robot.send_until(lambda: clouds, "a labelled cloud")
    assert clouds[-1].header.stamp.sec > 7
    assert "cloud lost, RuntimeError: TF has failed" in capfd.readouterr().err


def test_registered_depth_in_place_of_a_cloud(peer, start) -> None:
    start(input="depth")
    clouds = peer.collect(PointCloud2, "/cloud_labels/aligned_points")
    depth = image_message(np.full((48, 64), 2500, np.uint16), "16UC1", frame_id="camera_optical")
    Robot(peer, depth, "/depth").send_until(lambda: clouds, "an aligned cloud")
    points = read_cloud(clouds[-1])
    np.testing.assert_allclose(points["z"], 2.5)
    np.testing.assert_array_equal(points["label"], LABELS)
    topics = {name for name, _ in peer.node.get_topic_names_and_types()}
    assert "/cloud_labels/points" not in topics


def test_labels_that_have_no_confidence_are_enough_where_told(peer, start) -> None:
    start(static_transform=LIDAR_IN_CAMERA, use_confidence=False)
    clouds = peer.collect(PointCloud2, "/cloud_labels/points")
    Robot(peer, cloud_message(POINTS)).send_until(lambda: clouds, "a labelled cloud")
    assert read_cloud(clouds[-1])[0]["confidence"].tolist() == [1.0] * 4
    assert not peer.node.get_subscriptions_info_by_topic("/confidence")


def test_occlusion_may_change_while_the_node_runs(peer, start) -> None:
    node = start(static_transform=LIDAR_IN_CAMERA)
    columns, rows = (grid.ravel() for grid in np.meshgrid(np.arange(20, 40), np.arange(10, 30)))
    wall = pixel_points(columns, rows, np.full(400, 3.0))
    hidden = pixel_points(np.array([30]), np.array([20]), np.array([9.0]))
    robot = Robot(peer, cloud_message(np.concatenate([wall, hidden])))
    clouds = peer.collect(PointCloud2, "/cloud_labels/points")
    robot.send_until(lambda: clouds, "a labelled cloud")
    assert read_cloud(clouds[-1])[0]["label"][-1] == 255
    (result,) = node.set_parameters([Parameter("occlusion.gap_deg", value=0.0)])
    assert result.successful
    robot.send_until(lambda: read_cloud(clouds[-1])[0]["label"][-1] == LABELS[20, 30], "a label of the point behind")
    (result,) = node.set_parameters([Parameter("input", value="depth")])
    assert not result.successful


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"static_transform": "1 2 3"}, "static_transform: '1 2 3' is no pose: it has to be 'x y z roll pitch yaw'"),
        ({"input": "lidar"}, "input is 'lidar': it has to be 'cloud' or 'depth'"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(ros, parameters: dict, words: str) -> None:
    overrides = [Parameter(name, value=value) for name, value in parameters.items()]
    with pytest.raises(ValueError, match=re.escape(words)):
        CloudLabelNode(parameter_overrides=overrides, use_global_arguments=False)
