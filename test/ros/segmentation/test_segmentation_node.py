# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The running node over DDS: what comes in and what goes out."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import GetState
from rclpy.qos import qos_profile_sensor_data
from ros_helpers import FIXED_GAIN, FakeSegmenter, image_message, pixels_of, wait_until
from sensor_msgs.msg import CompressedImage, Image

from madm_model.labels import IGNORE, STREET_9, overlay
from madm_ros.segmentation import publications

RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))


def test_labels_have_the_images_size_and_header(peer, start_node) -> None:
    start_node(**FIXED_GAIN)
    labels = peer.collect(Image, "/segmentation_node/labels")
    sent = image_message(RAMP, "mono8", stamp_s=12345, frame_id="thermal_optical")
    peer.send(peer.publisher(Image, "/image"), sent, lambda: labels)
    assert labels[0].header == sent.header
    assert (labels[0].height, labels[0].width, labels[0].encoding, labels[0].step) == (48, 64, "mono8", 64)
    np.testing.assert_array_equal(pixels_of(labels[0]), RAMP // 32)


def test_best_effort_subscribers_get_labels_too(peer, start_node) -> None:
    start_node()
    labels = peer.collect(Image, "/segmentation_node/labels", qos_profile_sensor_data)
    peer.send(peer.publisher(Image, "/image"), image_message(RAMP, "mono8"), lambda: labels)


def test_overlay_and_confidence_are_made_only_for_listeners(peer, start_node, monkeypatch) -> None:
    made = []
    monkeypatch.setattr(publications, "overlay", lambda *args: made.append(args) or overlay(*args))
    start_node(**FIXED_GAIN, overlay_opacity=0.25)
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, image_message(RAMP, "mono8"), lambda: labels)
    assert not made
    overlays = peer.collect(Image, "/segmentation_node/overlay")
    confidences = peer.collect(Image, "/segmentation_node/confidence")
    sent = image_message(RAMP, "mono8", stamp_s=77)
    peer.send(publisher, sent, lambda: overlays and confidences, "overlay and confidence")
    assert overlays[0].header == confidences[0].header == sent.header
    assert (overlays[0].encoding, overlays[0].step) == ("rgb8", 3 * 64)
    assert (confidences[0].encoding, confidences[0].step) == ("mono8", 64)
    np.testing.assert_array_equal(pixels_of(confidences[0]), RAMP)
    expected = overlay(np.dstack([RAMP] * 3), RAMP // 32, STREET_9, 0.25)
    np.testing.assert_array_equal(pixels_of(overlays[0]), expected)


def test_pixels_below_the_confidence_threshold_are_unlabelled(peer, start_node) -> None:
    start_node(**FIXED_GAIN, confidence_threshold=0.5)
    labels = peer.collect(Image, "/segmentation_node/labels")
    peer.send(peer.publisher(Image, "/image"), image_message(RAMP, "mono8"), lambda: labels)
    np.testing.assert_array_equal(pixels_of(labels[0]), np.where(RAMP < 127.5, IGNORE, RAMP // 32))


def test_a_slow_network_drops_all_but_the_newest_frame_and_the_executor_stays_free(peer, start_node) -> None:
    entered, release = threading.Event(), threading.Event()

    class Blocked(FakeSegmenter):
        def segment(self, images):
            entered.set()
            assert release.wait(30)
            return super().segment(images)

    node = start_node(Blocked())
    received = []
    node.create_subscription(Image, "/image", lambda message: received.append(message.header.stamp.sec), 10)
    labels = peer.collect(Image, "/segmentation_node/labels")
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, image_message(RAMP, "mono8", stamp_s=1), entered.is_set, "the network to be busy")
    state = peer.call(GetState, "/segmentation_node/get_state", GetState.Request())
    assert state.current_state.label == "active"

    def dropped() -> int:
        values = {item.key: item.value for report in reports for item in report.status[0].values}
        return int(values.get("dropped frames", 0))

    peer.send(publisher, image_message(RAMP, "mono8", stamp_s=2), dropped, "drops in the diagnostics")
    peer.send(publisher, image_message(RAMP, "mono8", stamp_s=3), lambda: 3 in received, "the newest image")
    wait_until(lambda: node.count_subscribers("/segmentation_node/labels") == 1, "a listener to the labels")
    release.set()
    wait_until(lambda: len(labels) == 2, "labels of the first and the newest frame")
    assert [message.header.stamp.sec for message in labels] == [1, 3]


def test_image_size_may_change(peer, start_node, errors) -> None:
    start_node()
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    for stamp_s, size in enumerate([(48, 64), (30, 70), (64, 48)], start=1):
        message = image_message(np.zeros(size, np.uint8), "mono8", stamp_s)
        peer.send(publisher, message, lambda wanted=message.header: labels and labels[-1].header == wanted)
        assert (labels[-1].height, labels[-1].width, labels[-1].step) == (*size, size[1])
    assert errors() == []


def test_compressed_images(peer, start_node) -> None:
    start_node(transport="compressed", **FIXED_GAIN)
    labels = peer.collect(Image, "/segmentation_node/labels")
    sent = CompressedImage(format="mono8; png compressed ", data=cv2.imencode(".png", RAMP)[1].tobytes())
    sent.header.frame_id = "thermal"
    peer.send(peer.publisher(CompressedImage, "/image/compressed"), sent, lambda: labels)
    assert labels[0].header == sent.header
    np.testing.assert_array_equal(pixels_of(labels[0]), RAMP // 32)


def test_compressed_depth(peer, start_node) -> None:
    segmenter = FakeSegmenter()
    start_node(segmenter, transport="compressedDepth", modality="depth")
    labels = peer.collect(Image, "/segmentation_node/labels")
    depth = np.full((48, 64), 4000, np.uint16)
    payload = bytes(12) + cv2.imencode(".png", depth)[1].tobytes()
    publisher = peer.publisher(CompressedImage, "/image/compressedDepth")
    peer.send(publisher, CompressedImage(format="16UC1; compressedDepth png", data=payload), lambda: labels)
    assert segmenter.images[0].shape == (48, 64, 3)
    assert segmenter.images[0].min() > 0


def test_images_may_come_from_within_the_process(peer, start_node) -> None:
    node = start_node(image_source="/camera/edges", modality="event")
    labels = peer.collect(Image, "/segmentation_node/labels")
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    wait_until(lambda: node.count_subscribers("/segmentation_node/labels") == 1, "a listener to the labels")
    assert node.count_subscribers("/image") == 0
    sent = image_message(RAMP, "mono8", stamp_s=5)
    node.accept(sent)
    wait_until(lambda: labels, "labels")
    assert labels[0].header == sent.header
    np.testing.assert_array_equal(pixels_of(labels[0]), RAMP // 32)
    wait_until(lambda: reports, "a report")
    assert {item.key: item.value for item in reports[-1].status[0].values}["image topic"] == "/camera/edges"
    node.trigger_deactivate()
    node.accept(sent)


@pytest.mark.parametrize(("modality", "count"), [("depth", 1), ("thermal", 0)])
def test_a_model_of_another_modality_is_told(start_node, capfd, modality, count) -> None:
    start_node(modality=modality)
    assert capfd.readouterr().err.count("model fake is for thermal and gets depth images") == count
