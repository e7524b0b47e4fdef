# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How the running node listens: as reliably as the camera publishes, and what it says where images do not come."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_helpers import image_message, wait_until
from sensor_msgs.msg import CameraInfo, Image

from madm_ros import silent_topic

BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
SMALL = image_message(np.zeros((48, 64), np.uint8), "mono8")
CAMERA = """
import array, time, rclpy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("camera")
publisher = node.create_publisher(Image, "/image", 10)
labels = []
node.create_subscription(Image, "/segmentation_node/labels", labels.append, 10)
while not publisher.get_subscription_count():
    time.sleep(0.05)
data = array.array("B", bytes(1920 * 1080 * 2))
for _ in range(10):
    before, end = len(labels), time.monotonic() + 2
    publisher.publish(Image(height=1080, width=1920, encoding="mono16", step=3840, data=data))
    while len(labels) == before and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=0.1)
node.destroy_node()
"""
"""Publishes ten large images reliably, each when the one before has its labels, or after two seconds."""
OVERRIDE = "qos_overrides./image.subscription.reliability"


def reliabilities(node, topic: str) -> list[ReliabilityPolicy]:
    return [info.qos_profile.reliability for info in node.get_subscriptions_info_by_topic(topic)]


def test_large_images_of_a_reliable_camera_arrive(peer, start_node) -> None:
    start_node()
    labels = peer.collect(Image, "/segmentation_node/labels", 100)
    # A process of its own: within one, DDS hands messages over without the network's limits.
    with subprocess.Popen([sys.executable, "-c", CAMERA]) as camera:
        assert camera.wait(60) == 0
    wait_until(lambda: len(labels) > 5, "labels of more than 5 of 10 images; over best effort it is one")


def test_the_subscription_follows_who_publishes(peer, start_node) -> None:
    node = start_node()
    labels = peer.collect(Image, "/segmentation_node/labels")
    camera = peer.node.create_publisher(Image, "/image", BEST_EFFORT)
    peer.send(camera, SMALL, lambda: labels)
    assert reliabilities(node, "/image") == [ReliabilityPolicy.BEST_EFFORT]
    player = peer.publisher(Image, "/image")  # the camera is still there, and still heard
    before = len(labels)
    peer.send(player, SMALL, lambda: len(labels) > before)
    assert reliabilities(node, "/image") == [ReliabilityPolicy.BEST_EFFORT]
    peer.node.destroy_publisher(camera)
    wait_until(lambda: reliabilities(node, "/image") == [ReliabilityPolicy.RELIABLE], "a reliable subscription")


def test_camera_info_follows_too(peer, start_node) -> None:
    node = start_node()
    peer.publisher(CameraInfo, "/camera_info")
    wait_until(lambda: reliabilities(node, "/camera_info") == [ReliabilityPolicy.RELIABLE], "a reliable subscription")


@pytest.mark.parametrize("chosen", ["reliable", "best_effort"])
def test_what_the_user_sets_wins_also_after_a_restart(peer, start_node, chosen) -> None:
    node = start_node(**{OVERRIDE: chosen})
    peer.publisher(Image, "/image")
    peer.node.create_publisher(Image, "/image", BEST_EFFORT)
    wanted = [ReliabilityPolicy[chosen.upper()]]
    wait_until(lambda: reliabilities(node, "/image") == wanted, "the subscription")
    node.trigger_deactivate()
    wait_until(lambda: reliabilities(node, "/image") == [], "the end of the subscription")
    node.trigger_activate()
    wait_until(lambda: reliabilities(node, "/image") == wanted, "the subscription")


def test_a_word_that_is_no_reliability_is_refused(start_node, errors) -> None:
    node = start_node(bring_up=False, **{OVERRIDE: "sometimes"})
    assert not node.bring_up()
    (error,) = errors()
    assert (
        error
        == f"cannot activate: {OVERRIDE} is 'sometimes': it has to be one of best_available, reliable, best_effort"
    )


def test_images_lost_on_the_way_are_a_warning_with_advice(peer, start_node) -> None:
    start_node(**{OVERRIDE: "best_effort"})
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    publisher = peer.publisher(Image, "/image")
    # Best effort, one of this size does not arrive; the small ones behind it tell that it was there.
    message = image_message(np.zeros((1080, 1920), np.uint16), "mono16")

    def warned() -> bool:
        publisher.publish(message)
        for _ in range(3):
            publisher.publish(SMALL)
        return any("images a second arrive" in report.status[0].message for report in reports)

    wait_until(warned, "the warning", 30)
    status = next(report.status[0] for report in reports if "images a second arrive" in report.status[0].message)
    assert status.level == DiagnosticStatus.WARN
    assert status.message.endswith(f"take {OVERRIDE}: best_effort out of the parameters")
    values = {item.key: float(item.value) for item in status.values if item.key.startswith("input")}
    assert values["input lost [Hz]"] > 0.2 * values["input rate [Hz]"] > 0


def test_a_silent_topic_is_told_on_the_console_with_what_could_be_meant(peer, start_node, capfd, monkeypatch) -> None:
    monkeypatch.setattr(silent_topic, "WINDOW_S", 1.0)
    peer.publisher(Image, "/elsewhere/image_raw")
    start_node()
    said = []

    def told() -> bool:
        said.append(capfd.readouterr().err)
        return "nothing has come on /image" in "".join(said)

    wait_until(told, "the warning", 30)
    assert re.search(r"nobody publishes there, but on /elsewhere/image_raw.*: remap 'image'", "".join(said))
