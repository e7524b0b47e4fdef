# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Bags onto DDS, and from there through the running node."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_helpers import FIXED_GAIN, pixels_of, wait_until
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image

from madm_model.io.bags import BagError, BagReader, BagWriter, make_camera_info_message, make_image_message
from madm_ros.tools.bag_player import BagPlayer

SHARED_BAGS = Path(__file__).resolve().parents[4] / "shared" / "data" / "bags"
EVERYTHING = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)


def _pictures(count: int) -> list[np.ndarray]:
    return [np.random.default_rng(index).integers(0, 256, (60, 81), np.uint8) for index in range(count)]


def _write(path: Path, pictures: list[np.ndarray], period_ns: int = 100_000_000) -> Path:
    """A thermal bag with a camera_info beside every image."""
    with BagWriter(path) as bag:
        for index, picture in enumerate(pictures):
            stamp_ns = 1_700_000_000_123_456_789 + index * period_ns
            bag.write("/thermal/image_raw", make_image_message(picture, "mono8", stamp_ns, "thermal_optical"), stamp_ns)
            info = make_camera_info_message(81, 60, np.eye(3), stamp_ns, "thermal_optical")
            bag.write("/thermal/camera_info", info, stamp_ns)
    return path


def _clock_ns(message: Clock) -> int:
    return message.clock.sec * 1_000_000_000 + message.clock.nanosec


def _play(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "madm_ros.tools.bag_player", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).resolve().parents[3])


@pytest.fixture
def player_of(ros):
    """Function that opens a bag for playing."""
    opened = []

    def open_bag(path: Path, **options) -> BagPlayer:
        bag = BagReader(path)
        opened.append(bag)
        player = BagPlayer(bag, **options)
        opened.append(player)
        return player

    yield open_bag
    for item in reversed(opened):
        item.close() if isinstance(item, BagReader) else item.destroy_node()


def test_a_bag_comes_out_of_the_node_as_labels(peer, start_node, player_of, tmp_path) -> None:
    pictures = _pictures(8)
    path = _write(tmp_path / "bag", pictures)
    topic = "/thermal/image_raw"
    start_node(
        cli_args=["--ros-args", "-r", f"image:={topic}"],
        **FIXED_GAIN,
        **{f"qos_overrides.{topic}.subscription.reliability": "reliable"},
    )
    labels = peer.collect(Image, "/segmentation_node/labels", EVERYTHING)
    sent = peer.collect(Image, topic, EVERYTHING)
    wait_until(lambda: peer.node.count_publishers("/segmentation_node/labels") == 1, "the labels topic")
    player = player_of(path)
    assert player.wait_for_subscribers(20)
    wait_until(lambda: player.count_subscribers(topic) == 2, "both subscribers")
    assert player.play(rate=0.5) == 16
    wait_until(lambda: len(labels) == len(sent) == 8, "a label image for every image")
    for message, image, picture in zip(labels, sent, pictures):
        assert message.header == image.header
        assert (message.height, message.width, message.step) == (60, 81, 81)
        np.testing.assert_array_equal(pixels_of(message), picture // 32)


def test_every_topic_is_played_to_any_quality_of_service(peer, player_of, tmp_path) -> None:
    player = player_of(_write(tmp_path / "bag", _pictures(3), period_ns=1_000_000))
    latched = QoSProfile(depth=5, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    infos = peer.collect(CameraInfo, "/thermal/camera_info", latched)
    images = peer.collect(Image, "/thermal/image_raw", best_effort)
    wait_until(lambda: player.count_subscribers("/thermal/image_raw") == 1, "a subscriber")

    def play() -> list:
        player.play(rate=100.0)
        return images

    wait_until(play, "images")
    wait_until(lambda: infos, "camera_info")
    assert (infos[0].width, images[0].width) == (81, 81)


def test_it_can_wait_until_every_topic_is_listened_to(peer, player_of, tmp_path) -> None:
    topics = ["/thermal/image_raw", "/thermal/camera_info"]
    player = player_of(_write(tmp_path / "bag", _pictures(1)))
    peer.collect(Image, topics[0])
    assert player.wait_for_subscribers(20)
    assert not player.wait_for_subscribers(0.2, topics)
    peer.collect(CameraInfo, topics[1])
    assert player.wait_for_subscribers(20, topics)
    assert not player.wait_for_subscribers(0.2, [*topics, topics[0]])
    peer.collect(Image, topics[0])
    assert player.wait_for_subscribers(20, [*topics, topics[0]])


def test_only_chosen_topics_are_played(player_of, tmp_path) -> None:
    player = player_of(_write(tmp_path / "bag", _pictures(3), period_ns=0), topics=["/thermal/camera_info"])
    assert player.count_publishers("/thermal/image_raw") == 0
    assert player.play() == 3


def test_a_topic_that_is_not_there(player_of, tmp_path) -> None:
    path = _write(tmp_path / "bag", _pictures(1))
    with pytest.raises(BagError, match=r"no topic /depth; it has /thermal/camera_info, /thermal/image_raw"):
        player_of(path, topics=["/depth"])


def test_the_bags_time_goes_to_the_clock(peer, player_of, tmp_path) -> None:
    times = peer.collect(Clock, "/clock", 100)
    player = player_of(_write(tmp_path / "bag", _pictures(6)), clock_rate=50.0)
    wait_until(lambda: player.count_subscribers("/clock") == 1, "the listener")
    player.play()
    begin = 1_700_000_000_123_456_789
    wait_until(lambda: times and _clock_ns(times[-1]) >= begin + 400_000_000, "the time of the end")
    told = [_clock_ns(message) for message in times]
    assert told == sorted(told)
    assert begin <= told[0] and told[-1] <= begin + 500_000_000
    assert len(told) > 6, "time goes on between two messages"


def test_the_command_says_what_it_waits_with_and_a_loop_is_told_once(tmp_path) -> None:
    path = _write(tmp_path / "bag", _pictures(2), period_ns=1)
    command = [sys.executable, "-m", "madm_ros.tools.bag_player", str(path), "--loop", "--wait-for-subscribers", "0.1"]
    options = {"stderr": subprocess.PIPE, "text": True, "cwd": Path(__file__).resolve().parents[3]}
    with subprocess.Popen(command, **options) as player:
        said = [player.stderr.readline() for _ in range(3)]
        time.sleep(0.3)  # many loops
        player.send_signal(signal.SIGINT)
        player.send_signal(signal.SIGINT)
        rest = player.stderr.read()
        assert player.wait(20) == 0
    assert "waits until someone subscribes to /thermal/camera_info, /thermal/image_raw" in said[0]
    assert "nobody subscribes" in said[1]
    assert "played 4 messages" in said[2] and "again until interrupted" in said[2]
    assert rest == ""


def test_the_command_plays_and_ends(tmp_path) -> None:
    path = _write(tmp_path / "bag", _pictures(3))
    done = _play(str(path), "--rate", "50")
    assert done.returncode == 0, done.stderr
    assert f"played 6 messages of {path}" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nowhere"], "nowhere does not exist"), (["bag", "--topics", "/depth"], "bag has no topic /depth")],
)
def test_the_command_fails_with_one_line(tmp_path, arguments: list[str], words: str) -> None:
    _write(tmp_path / "bag", _pictures(1))
    done = _play(str(tmp_path / arguments[0]), *arguments[1:])
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("bag_player: ")
    assert words in done.stderr


@pytest.mark.parametrize("bag", ["thermal_mono8", "thermal_mono8_mcap"])
def test_a_truncated_bag_is_one_error_or_plays_up_to_the_cut(bag: str) -> None:
    path = SHARED_BAGS / "truncated" / bag
    if not path.exists():
        pytest.skip("the shared bags are not here")
    done = _play(str(path), "--rate", "100")
    if bag.endswith("mcap"):
        assert done.returncode == 0, done.stderr
        assert "is not a complete bag" in done.stderr
        assert "played 24 messages" in done.stderr
    else:
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "cannot be opened" in done.stderr
