# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Image messages to frames and arrays to image messages, without a copy too many and without a loop over pixels."""

from __future__ import annotations

from array import array
from functools import cache
from typing import Any

import cv2
import numpy as np
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from madm_model.io.frames import FrameError, RawFrame
from madm_model.io.limits import check_size
from madm_model.io.messages import decode

CAMERA_ENCODINGS = ("bayer_", "yuv", "uyvy", "yuyv", "nv21", "nv24")
"""How the names of the encodings begin that only cv_bridge converts."""
_JPEG_QUALITY = 80
"""Of 100: no seams of blocks to be seen, for a third of the bytes of 95."""


def to_frame(message: Any) -> RawFrame:
    """Decode a sensor_msgs Image or CompressedImage (compressedDepth included).

    Plain encodings become views of the message: cv_bridge gives the same arrays but does not check the message first.
    Bayer and YUV go through cv_bridge where the ROS installation has it, and are unsupported elsewhere.

    Raises:
        FrameError: the image cannot be used; the message says why.
    """
    is_camera_encoding = not hasattr(message, "format") and message.encoding.startswith(CAMERA_ENCODINGS)
    bridge = _cv_bridge() if is_camera_encoding else None
    if bridge is None:
        return decode(message)
    check_size("the image", message.width, message.height)
    if len(message.data) < message.height * message.step:
        raise FrameError(
            f"the data has {len(message.data)} bytes but height x step is {message.height} x {message.step}: "
            "the message was cut short or its size fields are wrong"
        )
    try:
        pixels = bridge.imgmsg_to_cv2(message, "rgb8")
    except Exception as error:  # cv_bridge raises CvBridgeError, cv2.error, TypeError and ValueError
        raise FrameError(f"image encoding '{message.encoding}' cannot be converted to rgb8: {error}") from None
    stamp = message.header.stamp
    return RawFrame(pixels, "rgb8", stamp.sec * 1_000_000_000 + stamp.nanosec, message.header.frame_id)


def to_image_message(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """Make an image message with the given header and without padding.

    Args:
        pixels: uint8, (H, W) for mono8 or (H, W, 3) for rgb8.
        encoding: mono8 or rgb8.
        header: goes into the message as it is.
    """
    height, width = pixels.shape[:2]
    message = Image(header=header, height=height, width=width, encoding=encoding, is_bigendian=0)
    message.step = width * (pixels.shape[2] if pixels.ndim == 3 else 1)
    # rclpy checks every element of anything but an array.array: 50 ms for a numpy array of 640x480x3.
    message.data = array("B", pixels.tobytes())
    return message


def to_jpeg_message(pixels: np.ndarray, header: Header) -> CompressedImage:
    """Make a JPEG, as image_transport's compressed transport has it, with the given header.

    Args:
        pixels: uint8 (H, W, 3), RGB.
        header: goes into the message as it is.
    """
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), quality)
    return CompressedImage(header=header, format="rgb8; jpeg compressed bgr8", data=array("B", encoded.tobytes()))


@cache
def _cv_bridge() -> Any | None:
    """ROS 2's cv_bridge, or None. The package index decides: a pip-installed cv-bridge is ROS 1's and does not work."""
    try:
        get_package_prefix("cv_bridge")
        from cv_bridge import CvBridge
    except (PackageNotFoundError, ImportError):
        return None
    return CvBridge()
