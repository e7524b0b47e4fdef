"""The running node over DDS: what comes in and what goes out."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from conftest import image_message, wait_until
from sensor_msgs.msg import Image

RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (48, 1))
FIXED_GAIN = {"thermal__gain": "fixed", "thermal__fixed_min": 0.0, "thermal__fixed_max": 255.0}


def _pixels(message: Image) -> np.ndarray:
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, -1).squeeze()


def test_labels_have_the_images_size_and_header(peer, start_node) -> None:
    start_node(**FIXED_GAIN)
    labels = peer.collect(Image, "/segmentation_node/labels")
    sent = image_message(RAMP, "mono8", stamp_s=12345, frame_id="thermal_optical")
    peer.publisher(Image, "/image").publish(sent)
    wait_until(lambda: labels, "labels")
    assert labels[0].header == sent.header
    assert (labels[0].height, labels[0].width, labels[0].encoding) == (48, 64, "mono8")
    np.testing.assert_array_equal(_pixels(labels[0]), RAMP // 32)
