# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The recorder over DDS: messages to bags, what it says of itself, and what it refuses."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.exceptions import ParameterException
from rclpy.parameter import Parameter
from rclpy.qos import ReliabilityPolicy
from ros_helpers import Spun, image_message, wait_until
from sensor_msgs.msg import CompressedImage, Image, PointCloud2

from madm_model.events.bags import event_topics
from madm_model.io.bags import BagReader, bags_in
from madm_model.io.frames import InputError
from madm_ros.message_types import message_definition
from madm_ros.recorder.node import RecorderNode


@pytest.fixture
def start_recorder(spin: Callable[..., Spun], tmp_path: Path) -> Callable[..., tuple[RecorderNode, Spun]]:
    """Function that starts a recorder of /camera/stream with these parameters."""

    def start(**values: Any) -> tuple[RecorderNode, Spun]:
        given = {
            "topic": "/camera/stream",
            "folder": str(tmp_path / "kept"),
            "reserve_gb": 0.0,
            "max_fps": 0.0,
            **values,
        }
        overrides = [Parameter(name, value=value) for name, value in given.items()]
        node = RecorderNode(parameter_overrides=overrides, use_global_arguments=False)
        return node, spin(node)

    return start


def statuses(peer: Any) -> list[DiagnosticStatus]:
    """A list that grows with what the recorder says of itself."""
    found: list[DiagnosticStatus] = []

    def note(message: DiagnosticArray) -> None:
        found.extend(status for status in message.status if status.name == "/recorder: recording")

    peer.node.create_subscription(DiagnosticArray, "/diagnostics", note, 10)
    return found


def values_of(found: list[DiagnosticStatus]) -> dict[str, str]:
    return {item.key: item.value for item in found[-1].values} if found else {}


def test_images_become_a_bag_without_those_that_show_the_same(peer, start_recorder, tmp_path: Path) -> None:
    told = statuses(peer)
    node, spun = start_recorder()
    wait_until(lambda: told and told[-1].level == DiagnosticStatus.WARN, "a warning without a publisher", 30)
    assert told[-1].message == "nobody publishes on /camera/stream: nothing is recorded"
    publisher = peer.publisher(Image, "/camera/stream")
    bright, dark = (image_message(np.full((24, 32), level, np.uint8), "mono8") for level in (200, 20))
    peer.send(publisher, bright, lambda: node._standing.kept == 1 and node._standing.still > 2, "the first image")
    peer.send(publisher, dark, lambda: node._standing.kept == 2, "the second image")
    wait_until(lambda: values_of(told).get("kept") == "2", f"the diagnostics in {told[-1:]}", 30)
    assert told[-1].level == DiagnosticStatus.OK
    assert int(values_of(told)["thinned: nothing moved"]) > 2
    spun.close()
    (bag,) = bags_in(tmp_path / "kept")
    with BagReader(bag) as reader:
        frames = list(reader.frames())
        assert reader.topics()["/camera/stream"].count == 2
    assert [frame.array[0, 0] for frame in frames] == [200, 20]
    assert frames[0].frame_id == "camera"


def test_images_above_max_fps_are_left_out_and_damaged_ones_told(peer, start_recorder, capfd) -> None:
    node, _ = start_recorder(max_fps=0.001)
    publisher = peer.publisher(CompressedImage, "/camera/stream")
    peer.send(publisher, CompressedImage(format="jpeg", data=b"\xff\xd8 cut"), lambda: node._skipped > 3, "many images")
    assert node._failed == 1
    assert "image left out: the compressed image ends early" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("kind", "advice"),
    [("image", "let folder be on a faster disk, or lower max_fps"), ("events", "let folder be on a faster disk")],
)
def test_a_disk_that_cannot_keep_up_is_told(peer, start_recorder, kind: str, advice: str) -> None:
    message = image_message(np.zeros((8, 8), np.uint8), "mono8")
    if kind == "events":
        packets = pytest.importorskip("event_camera_msgs.msg", reason="event_camera_msgs is not installed")
        message = packets.EventPacket(height=24, width=32, encoding="evt3")
    told, slow = statuses(peer), threading.Event()
    node, _ = start_recorder()
    node._worker.max_delay_s = 0.01
    node._recorder.take = lambda raw: slow.wait(60)
    try:
        publisher = peer.publisher(type(message), "/camera/stream")
        peer.send(publisher, message, lambda: told and "cannot keep up" in told[-1].message, "a warning")
    finally:
        slow.set()
    assert told[-1].level == DiagnosticStatus.WARN
    assert re.fullmatch(rf"cannot keep up: \d+ messages dropped, \d+ so far: {advice}", told[-1].message)
    assert int(values_of(told)["dropped"]) > 0


def test_a_folder_that_goes_away_is_told_and_recorded_to_again(peer, start_recorder, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("madm_model.recorder.recorder._RETRY_S", 0.0)
    told = statuses(peer)
    node, _ = start_recorder()
    take, idle = node._recorder.take, node._recorder.idle

    def fail_once() -> None:
        node._recorder.idle = idle
        raise PermissionError("the oldest cannot be deleted")

    def take_and_remove(raw: Any) -> None:
        node._recorder.take = take
        take(raw)
        for path in (tmp_path / "kept").glob(".*.partial-*"):
            shutil.rmtree(path)

    node._recorder.idle = fail_once
    wait_until(lambda: told and "PermissionError: the oldest cannot be deleted" in told[-1].message, "the error")
    node._recorder.take = take_and_remove
    publisher = peer.publisher(Image, "/camera/stream")
    image = image_message(np.zeros((24, 32), np.uint8), "mono8")
    peer.send(publisher, image, lambda: node._standing.dropped and node._standing.kept == 1, "a recording that goes on")
    wait_until(lambda: "messages are lost, and it is tried again" in told[-1].message, "the next error")
    assert told[-1].level == DiagnosticStatus.ERROR


def test_clouds_and_events_are_recorded_as_they_came(peer, start_recorder, tmp_path: Path) -> None:
    packets = pytest.importorskip("event_camera_msgs.msg", reason="event_camera_msgs is not installed")
    cloud = PointCloud2(height=1, width=2, point_step=1, row_step=2, data=b"\x01\x02")
    packet = packets.EventPacket(height=24, width=32, seq=7, encoding="evt3", events=b"\x01\x02")
    for message in (cloud, packet):
        folder = tmp_path / type(message).__name__
        node, spun = start_recorder(folder=str(folder))
        publisher = peer.publisher(type(message), "/camera/stream")
        peer.send(publisher, message, lambda node=node: node._standing.kept > 1, "messages")
        spun.close()
        peer.node.destroy_publisher(publisher)
        (bag,) = bags_in(folder)
        with BagReader(bag) as reader:
            (topic,) = reader.topics().values()
            first = next(reader.raw_messages())
        assert topic.type.endswith(type(message).__name__)
        assert b"\x01\x02" in first.data
    with BagReader(bag) as reader:  # of events, which a job finds by their type
        assert event_topics(reader) == ["/camera/stream"]


def test_what_the_user_sets_wins_over_how_the_topic_is_published(peer, start_recorder) -> None:
    node, _ = start_recorder(**{"qos_overrides./camera/stream.subscription.reliability": "best_effort"})
    peer.publisher(Image, "/camera/stream")

    def found() -> list[ReliabilityPolicy]:
        infos = node.get_subscriptions_info_by_topic("/camera/stream")
        return [info.qos_profile.reliability for info in infos]

    wait_until(lambda: found() == [ReliabilityPolicy.BEST_EFFORT], "a best-effort subscription")


def test_definitions_of_messages_that_are_not_standard_have_their_parts() -> None:
    text = message_definition(DiagnosticArray)
    top, *parts = text.split("=" * 80 + "\n")
    assert top == "std_msgs/Header header\ndiagnostic_msgs/DiagnosticStatus[] status\n"
    assert [part.splitlines()[0] for part in parts] == [
        "MSG: std_msgs/Header",
        "MSG: diagnostic_msgs/DiagnosticStatus",
        "MSG: builtin_interfaces/Time",
        "MSG: diagnostic_msgs/KeyValue",
    ]
    assert "byte level\n" in text
    assert "float64[36] covariance" in message_definition(_covariance())


def _covariance() -> type:
    from geometry_msgs.msg import PoseWithCovariance

    return PoseWithCovariance


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("topic", "", "topic is empty: set it to what is to be recorded, such as -p topic:=/camera/image_raw"),
        ("topic", "/camera image", "topic is '/camera image', which is no name of a topic"),
        ("minutes", 0.0, "minutes"),
        ("quota_gb", 1e-6, "quota_gb"),
    ],
)
def test_bad_parameters_are_refused_by_name(start_recorder, name: str, value: Any, words: str) -> None:
    with pytest.raises((ValueError, ParameterException), match=words):
        start_recorder(**{name: value})


def test_what_is_refused_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    program = "from madm_ros.executables import record; record()"
    given = ["--ros-args", "-p", "topic:=/camera/stream", "-p", f"folder:={tmp_path / 'file'}"]
    command = [sys.executable, "-c", program, *given]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"record: {tmp_path / 'file'} cannot be recorded to (Not a directory): check the folder's permissions"
    ]


def test_a_second_recorder_on_a_folder_is_refused(start_recorder) -> None:
    start_recorder()
    with pytest.raises(InputError, match="kept is recorded to by another recorder"):
        start_recorder()
