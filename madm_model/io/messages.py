# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Image messages to arrays: sensor_msgs Image, CompressedImage and the compressedDepth transport.

Messages are read by their fields alone, so those of rclpy (array.array) and of rosbags (numpy) both work, and
neither is imported here.
"""

from __future__ import annotations

import struct
import sys
from typing import Any

import cv2
import numpy as np

from madm_model.io.frames import FrameError, RawFrame
from madm_model.io.limits import check_size
from madm_model.io.picture_header import check_picture
from madm_model.io.rvl import decode_rvl

_ENCODINGS: dict[str, tuple[type, int, str]] = {
    "mono8": (np.uint8, 1, "mono8"),
    "8UC1": (np.uint8, 1, "8UC1"),
    "mono16": (np.uint16, 1, "mono16"),
    "16UC1": (np.uint16, 1, "16UC1"),
    "32FC1": (np.float32, 1, "32FC1"),
    "rgb8": (np.uint8, 3, "rgb8"),
    "bgr8": (np.uint8, 3, "rgb8"),
    "rgba8": (np.uint8, 4, "rgb8"),
    "bgra8": (np.uint8, 4, "rgb8"),
}
"""Encoding of the message -> element type, channels, encoding of the RawFrame."""


def decode(msg: Any) -> RawFrame:
    """Decode an Image, CompressedImage or compressedDepth message, told apart by its fields.

    Raises:
        FrameError: as the function for that kind of message.
    """
    if not hasattr(msg, "format"):
        return decode_image(msg)
    return decode_compressed_depth(msg) if "compressedDepth" in msg.format else decode_compressed(msg)


def decode_image(msg: Any) -> RawFrame:
    """View the pixels of a sensor_msgs/Image without copying them.

    Padded rows (step above the row's bytes) and the colour orders are strided views; only 16 and 32-bit pixels of the
    other byte order, or at an odd address, are copied. cv_bridge gives the same array for the plain case, but does not
    check the message first.

    Args:
        msg: fields of sensor_msgs/Image; data is anything with the buffer protocol.

    Returns:
        The frame; bgr8, rgba8 and bgra8 become rgb8.

    Raises:
        FrameError: unsupported encoding, no size or one beyond `limits.MAX_PIXELS`, step below the
            row's bytes, data shorter than height x step.
    """
    encoding, height, width, step = msg.encoding, int(msg.height), int(msg.width), int(msg.step)
    if encoding not in _ENCODINGS:
        raise FrameError(f"image encoding '{encoding}' is not supported: publish one of {', '.join(_ENCODINGS)}")
    if height == 0 or width == 0:
        raise FrameError(f"the image is {width}x{height} pixels: check the driver, it publishes empty images")
    element, channels, frame_encoding = _ENCODINGS[encoding]
    dtype = np.dtype(element)
    row_bytes = width * channels * dtype.itemsize
    if step < row_bytes:
        raise FrameError(
            f"step is {step} bytes but a row of {width} {encoding} pixels takes {row_bytes}: "
            "set step to the length of a row in bytes"
        )
    data = _bytes_of(msg)
    if data.size < height * step:
        raise FrameError(
            f"the data has {data.size} bytes but height x step is {height} x {step} = {height * step}: "
            "the message was cut short or its size fields are wrong"
        )
    check_size("the image", width, height)
    foreign = dtype.itemsize > 1 and bool(msg.is_bigendian) != (sys.byteorder == "big")
    array: np.ndarray = np.ndarray(
        (height, width, channels),
        dtype.newbyteorder() if foreign else dtype,
        buffer=data,
        strides=(step, channels * dtype.itemsize, dtype.itemsize),
    )
    if foreign:
        array = array.astype(dtype)
    if channels == 1:
        array = array[..., 0]
    elif encoding.startswith("bgr"):
        array = array[..., 2::-1]
    else:
        array = array[..., :3]
    if not array.flags.aligned:
        array = array.copy()
    return _frame(array, frame_encoding, msg)


def decode_compressed(msg: Any) -> RawFrame:
    """Decode a sensor_msgs/CompressedImage holding a JPEG, PNG, TIFF or BMP, 8 or 16 bits deep.

    Args:
        msg: fields of sensor_msgs/CompressedImage. Of its format only the leading encoding ("16UC1; png compressed")
            is used, to tell 16UC1 (depth) from mono16.

    Raises:
        FrameError: the data is empty, cut short, or no image.
    """
    data = _bytes_of(msg)
    array, encoding = name_pixels(decode_picture(data))
    announced = msg.format.partition(";")[0].strip()
    if (encoding, announced) in (("mono8", "8UC1"), ("mono16", "16UC1")):
        encoding = announced
    return _frame(array, encoding, msg)


def decode_compressed_depth(msg: Any) -> RawFrame:
    """Decode a message of the compressedDepth transport: PNG or RVL.

    Source: image_transport_plugins, compressed_depth_image_transport. The data starts with 12 bytes: a format number
    and two float parameters A and B. 16UC1 follows as it is. 32FC1 follows as 16-bit inverse depth q, where
    depth = A / (q - B) and q = 0 is invalid. RVL data starts with its width and height, 4 bytes each.

    Args:
        msg: fields of sensor_msgs/CompressedImage; format like "16UC1; compressedDepth png", "32FC1; compressedDepth"
            (then PNG) or "16UC1; compressedDepth rvl".

    Returns:
        uint16 (H, W) in mm as 16UC1, or float32 (H, W) in metres with NaN for invalid as 32FC1.

    Raises:
        FrameError: not a compressedDepth format, or data that is cut short or damaged.
    """
    encoding, _, transport = (part.strip() for part in msg.format.partition(";"))
    coding = transport.removeprefix("compressedDepth").strip() or "png"
    if encoding not in ("16UC1", "mono16", "32FC1") or coding not in ("png", "rvl"):
        raise FrameError(
            f"compressed depth format '{msg.format}' is not supported: "
            "publish '16UC1; compressedDepth png' (or rvl, or 32FC1) or use the compressed transport"
        )
    data = _bytes_of(msg)
    if data.size <= 12:
        raise FrameError(f"the compressed depth image has {data.size} bytes, less than its header: it was cut short")
    _, quant_a, quant_b = struct.unpack("<iff", data[:12].tobytes())
    stored = decode_picture(data[12:]) if coding == "png" else _decode_rvl_image(data[12:])
    if stored.ndim != 2 or stored.dtype != np.uint16:
        raise FrameError("the compressed depth image is not 16-bit grey: use the compressed transport for pictures")
    if encoding != "32FC1":
        return _frame(stored, "16UC1", msg)
    if not (np.isfinite(quant_a) and np.isfinite(quant_b)):
        raise FrameError("the compressed depth image has broken quantisation parameters: it was damaged on its way")
    # One lookup table over all 65536 codes; codes at or below B would lie at or behind the camera.
    inverse = np.arange(1 << 16, dtype=np.float32) - np.float32(quant_b)
    inverse[0] = np.nan
    inverse[inverse <= 0] = np.nan
    return _frame((np.float32(quant_a) / inverse)[stored], "32FC1", msg)


def _decode_rvl_image(data: np.ndarray) -> np.ndarray:
    """The RVL payload after the 12-byte header: width, height, stream. Returns uint16 (H, W)."""
    if data.size < 8:
        raise FrameError("the RVL depth image lacks its size: it was cut short")
    width, height = struct.unpack("<II", data[:8].tobytes())
    check_size("the RVL depth image", width, height)
    try:
        return decode_rvl(data[8:], width * height).reshape(height, width)
    except ValueError as error:
        raise FrameError(f"the compressed depth image is damaged: {error}") from None


def decode_picture(data: np.ndarray) -> np.ndarray:
    """Decode a whole JPEG, PNG, TIFF or BMP file; one that is cut off is refused, not half shown.

    Args:
        data: uint8 (N,), the file's bytes.

    Returns:
        (H, W) or (H, W, C) in BGR order, of the file's own type.

    Raises:
        FrameError: it is empty, cut short, no image, or beyond `limits.MAX_PIXELS`.
    """
    if data.size == 0:
        raise FrameError("the compressed image is empty: check the driver")
    head, tail = data[:4].tobytes(), data[-65536:].tobytes()
    ends_early = (head[:2] == b"\xff\xd8" and b"\xff\xd9" not in tail) or (head == b"\x89PNG" and b"IEND" not in tail)
    if ends_early:
        raise FrameError("the compressed image ends early: it was cut short on its way")
    check_picture(data)
    try:
        array = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        array = None
    if array is None:
        raise FrameError("the compressed image cannot be decoded: it is damaged")
    return array


def name_pixels(picture: np.ndarray) -> tuple[np.ndarray, str]:
    """Turn a decoded file into a RawFrame's array and encoding.

    Args:
        picture: (H, W) of uint8, uint16 or float32, or uint8 (H, W, 3 or 4) in BGR order; a fourth channel is dropped.

    Returns:
        The array, colour as an RGB view, and mono8, mono16, 32FC1 or rgb8.

    Raises:
        FrameError: any other shape or type.
    """
    if picture.ndim == 3 and picture.dtype == np.uint8 and picture.shape[2] in (3, 4):
        return picture[..., 2::-1], "rgb8"
    names = {"uint8": "mono8", "uint16": "mono16", "float32": "32FC1"}
    if picture.ndim != 2 or picture.dtype.name not in names:
        raise FrameError(
            f"pictures of {picture.dtype} {picture.shape} are not supported: "
            "give 8-bit colour, 8 or 16-bit grey, or depth in metres as float32"
        )
    return picture, names[picture.dtype.name]


def _bytes_of(msg: Any) -> np.ndarray:
    """The message's data as uint8 (N,), without a copy."""
    try:
        return np.frombuffer(msg.data, np.uint8)
    except (TypeError, ValueError, BufferError):
        if len(msg.data) == 0:  # np.frombuffer refuses an empty buffer
            return np.empty(0, np.uint8)
        raise FrameError(f"the image data is a {type(msg.data).__name__}: it has to be an array of bytes") from None


def _frame(array: np.ndarray, encoding: str, msg: Any) -> RawFrame:
    stamp = msg.header.stamp
    return RawFrame(array, encoding, int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec), msg.header.frame_id)
