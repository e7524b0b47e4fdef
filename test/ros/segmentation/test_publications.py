# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What goes out beside the labels, and which frames are segmented at all, over DDS."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_helpers import FIXED_GAIN, FakeSegmenter, image_message, pixels_of, wait_until
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from madm_model.labels import STREET_9, colorize, overlay

RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def test_labels_in_colour_have_the_colours_of_the_latched_palette(peer, start_node) -> None:
    start_node(**FIXED_GAIN)
    labels = peer.collect(Image, "/segmentation_node/labels")
    coloured = peer.collect(Image, "/segmentation_node/labels_color")
    sent = image_message(RAMP, "mono8", stamp_s=77, frame_id="thermal_optical")
    peer.send(peer.publisher(Image, "/image"), sent, lambda: labels and coloured, "labels and their colours")
    assert coloured[0].header == sent.header
    assert (coloured[0].encoding, coloured[0].height, coloured[0].width, coloured[0].step) == ("rgb8", 48, 64, 3 * 64)
    late = peer.collect(Image, "/segmentation_node/palette", LATCHED)
    wait_until(lambda: late, "the palette for a late subscriber")
    assert (late[0].encoding, late[0].height, late[0].width) == ("rgb8", 1, 256)
    palette = pixels_of(late[0])
    assert [tuple(colour) for colour in palette[: len(STREET_9)]] == list(STREET_9.palette)
    assert not palette[len(STREET_9) :].any()
    np.testing.assert_array_equal(pixels_of(coloured[0]), palette[pixels_of(labels[0])])
    np.testing.assert_array_equal(pixels_of(coloured[0]), colorize(RAMP // 32, STREET_9))


def test_the_overlay_comes_as_jpeg_too(peer, start_node) -> None:
    start_node(**FIXED_GAIN)
    jpegs = peer.collect(CompressedImage, "/segmentation_node/overlay/compressed")
    sent = image_message(RAMP, "mono8", stamp_s=5)
    peer.send(peer.publisher(Image, "/image"), sent, lambda: jpegs, "a compressed overlay")
    assert jpegs[0].header == sent.header
    assert jpegs[0].format == "rgb8; jpeg compressed bgr8"
    picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpegs[0].data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    expected = overlay(np.dstack([RAMP] * 3), RAMP // 32, STREET_9, 0.5)
    # Red and blue of the classes differ by far more than JPEG loses on the whole.
    assert np.abs(picture.astype(int) - expected).mean() < 8


@pytest.mark.parametrize("modality", ["thermal", "rgb"])
def test_the_calibration_of_the_camera_is_published_with_the_stamp_of_the_labels(peer, start_node, modality) -> None:
    start_node(modality=modality)
    labels = peer.collect(Image, "/segmentation_node/labels")
    infos = peer.collect(CameraInfo, "/segmentation_node/camera_info")
    images = peer.publisher(Image, "/image")
    peer.send(images, image_message(RAMP, "mono8", stamp_s=1), lambda: labels)
    assert not infos, "nothing is made up while the camera has none"
    given = CameraInfo(height=48, width=64, distortion_model="plumb_bob", d=[0.1, 0.0, 0.0, 0.0, 0.0])
    given.k[0] = given.k[4] = 50.0
    given.header.stamp.sec = 1
    camera = peer.publisher(CameraInfo, "/camera_info")
    sent = image_message(RAMP, "mono8", stamp_s=2, frame_id="optical")

    def send_calibration() -> bool:
        camera.publish(given)
        return any(info.header == sent.header for info in infos)

    peer.send(images, sent, send_calibration, "the calibration beside the labels")
    given.header = sent.header
    assert infos[-1] == given


def test_without_listeners_a_lazy_node_does_not_segment_and_says_that_it_is_idle(peer, start_node) -> None:
    segmenter = FakeSegmenter()
    node = start_node(segmenter, lazy=True)
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    images = peer.publisher(Image, "/image")
    idle = "idle: images come, nobody listens to a result"
    peer.send(
        images,
        image_message(RAMP, "mono8"),
        lambda: any(status.message == idle for report in reports for status in report.status),
        "a report of an idle node",
    )
    assert not segmenter.images

    def send_until_segmented() -> None:
        segmented = len(segmenter.images)
        peer.send(images, image_message(RAMP, "mono8"), lambda: len(segmenter.images) > segmented, "a segmented frame")

    for topic in (f"/segmentation_node/{name}" for name in ("labels", "labels_color", "confidence", "overlay")):
        listener = peer.node.create_subscription(Image, topic, lambda _: None, 10)
        send_until_segmented()
        peer.node.destroy_subscription(listener)
        wait_until(lambda topic=topic: node.count_subscribers(topic) == 0, "no listener")
    (result,) = node.set_parameters([Parameter("lazy", value=False)])
    assert result.successful
    send_until_segmented()


def test_frames_above_max_fps_are_left_out_before_conversion_and_are_no_drops(peer, start_node) -> None:
    segmenter = FakeSegmenter()
    node = start_node(segmenter, max_fps=0.001)
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    images = peer.publisher(Image, "/image")

    def value(key: str) -> int:
        values = [item.value for report in reports for item in report.status[0].values if item.key == key]
        return int(values[-1]) if values else 0

    peer.send(images, image_message(RAMP, "mono8"), lambda: value("skipped frames") > 3, "skipped frames")
    broken = Image(encoding="mono8", height=48, width=64, step=64)  # would be an error if it were looked at
    skipped = value("skipped frames")
    peer.send(images, broken, lambda: value("skipped frames") > skipped, "more skipped frames")
    assert len(segmenter.images) == 1
    assert (value("dropped frames"), value("errors")) == (0, 0)
    (result,) = node.set_parameters([Parameter("max_fps", value=0.0)])
    assert result.successful
    peer.send(images, image_message(RAMP, "mono8"), lambda: len(segmenter.images) > 1, "a second segmented frame")
