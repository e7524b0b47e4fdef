# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from ros_helpers import image_message
from std_msgs.msg import Header

from madm_model.io.frames import FrameError
from madm_ros import image_conversion
from madm_ros.image_conversion import to_frame, to_image_message


def test_frames_are_views_of_the_message() -> None:
    message = image_message(np.arange(12, dtype=np.uint16).reshape(3, 4), "mono16", stamp_s=5)
    frame = to_frame(message)
    assert (frame.encoding, frame.stamp_ns, frame.frame_id) == ("mono16", 5_000_000_007, "camera")
    assert np.shares_memory(frame.array, np.frombuffer(message.data, np.uint16))


@pytest.mark.parametrize(("shape", "encoding"), [((3, 5), "mono8"), ((3, 5, 3), "rgb8")])
def test_messages_carry_pixels_and_header(shape: tuple[int, ...], encoding: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    header = Header(frame_id="optical")
    for array in (pixels, np.asfortranarray(pixels)):
        message = to_image_message(array, encoding, header)
        assert message.header == header
        assert message.step == message.width * (3 if encoding == "rgb8" else 1)
        np.testing.assert_array_equal(to_frame(message).array, pixels)


@pytest.mark.parametrize("encoding", ["bayer_rggb8", "yuv422_yuy2"])
def test_camera_encodings_need_cv_bridge(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    message = image_message(np.zeros((2, 8), np.uint8), encoding)
    monkeypatch.setattr(image_conversion, "_cv_bridge", lambda: None)
    with pytest.raises(FrameError, match=f"'{encoding}' is not supported"):
        to_frame(message)
    colour = np.full((2, 4, 3), 9, np.uint8)
    bridge = SimpleNamespace(imgmsg_to_cv2=lambda message, encoding: {"rgb8": colour}[encoding])
    monkeypatch.setattr(image_conversion, "_cv_bridge", lambda: bridge)
    frame = to_frame(message)
    assert frame.encoding == "rgb8"
    assert frame.array is colour


def test_what_cv_bridge_refuses_is_a_frame_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(message: object, encoding: str) -> None:
        raise TypeError("buffer is too small for requested array")

    monkeypatch.setattr(image_conversion, "_cv_bridge", lambda: SimpleNamespace(imgmsg_to_cv2=refuse))
    with pytest.raises(FrameError, match="'bayer_rggb8' cannot be converted to rgb8: buffer is too small"):
        to_frame(image_message(np.zeros((2, 2), np.uint8), "bayer_rggb8"))


def test_cv_bridge_sees_no_message_that_claims_more_than_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(message: object, encoding: str) -> None:
        raise AssertionError("this message is not for cv_bridge")

    monkeypatch.setattr(image_conversion, "_cv_bridge", lambda: SimpleNamespace(imgmsg_to_cv2=refuse))
    message = image_message(np.zeros((2, 8), np.uint8), "bayer_rggb8")
    message.height = 3
    with pytest.raises(FrameError, match="16 bytes but height x step is 3 x 8"):
        to_frame(message)
    message.height = message.width = 20_000
    with pytest.raises(FrameError, match="claims 20000x20000 pixels"):
        to_frame(message)
