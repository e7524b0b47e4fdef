# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Input that cannot be used: one clear error each, and the node lives on."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from ros_helpers import FakeSegmenter, image_message, wait_until
from sensor_msgs.msg import CompressedImage, Image

GOOD = np.tile(np.arange(64, dtype=np.uint8), (48, 1))


def _unsupported() -> Image:
    return image_message(GOOD, "64FC1")


def _short() -> Image:
    message = image_message(GOOD, "mono8")
    message.data = message.data[:100]
    return message


def _zero_size() -> Image:
    return Image(encoding="mono8")


def _thermal_without_meaning() -> Image:
    return image_message(GOOD.astype(np.float32), "32FC1")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (_unsupported, "image encoding '64FC1' is not supported"),
        (_short, "the data has 100 bytes but height x step is 48 x 64"),
        (_zero_size, "the image is 0x0 pixels"),
        (_thermal_without_meaning, "encoding '32FC1' is no thermal image"),
    ],
)
def test_bad_images_are_reported_once_and_the_next_good_one_is_labelled(
    peer, start_node, errors, bad: Callable[[], Image], words: str
) -> None:
    start_node()
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, bad(), errors, "an error in the log")
    for _ in range(20):
        publisher.publish(bad())
        time.sleep(0.02)
    peer.send(publisher, image_message(GOOD, "mono8"), lambda: labels)
    assert len(errors()) == 1
    assert words in errors()[0]


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_depth_without_a_valid_pixel(peer, start_node, errors, value: float) -> None:
    start_node(modality="depth")
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, image_message(np.full((48, 64), value, np.float32), "32FC1"), errors, "an error in the log")
    assert "the depth image has no valid pixel" in errors()[0]
    peer.send(publisher, image_message(np.full((48, 64), 3.0, np.float32), "32FC1"), lambda: labels)


def test_wrong_topic_type(peer, start_node, errors) -> None:
    start_node()
    peer.node.create_publisher(CompressedImage, "/image", 10)
    wait_until(errors, "an error in the log")
    assert errors() == [
        "/peer publishes sensor_msgs/msg/CompressedImage on /image, which has to be sensor_msgs/msg/Image: "
        "remap 'image' to another topic or set 'transport'"
    ]


def test_a_network_that_fails_on_a_frame(peer, start_node, errors) -> None:
    class Failing(FakeSegmenter):
        def segment(self, images):
            if images[0].shape[0] == 8:
                raise RuntimeError("CUDA out of memory")
            return super().segment(images)

    start_node(Failing())
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, image_message(np.zeros((8, 8), np.uint8), "mono8"), errors, "an error in the log")
    assert errors() == ["frame lost, RuntimeError: CUDA out of memory"]
    peer.send(publisher, image_message(GOOD, "mono8"), lambda: labels)
