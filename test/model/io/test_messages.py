# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Image messages of every encoding, byte order and padding, and each way in which one can be broken."""

from __future__ import annotations

import array
import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from image_samples import rvl_of

from madm_model.io.frames import FrameError
from madm_model.io.messages import decode, decode_compressed, decode_compressed_depth, decode_image

HEADER = SimpleNamespace(stamp=SimpleNamespace(sec=12, nanosec=34), frame_id="camera")
RANDOM = np.random.default_rng(0)


def image(data: bytes, height: int, width: int, encoding: str, step: int, is_bigendian: int = 0) -> SimpleNamespace:
    pixels = np.frombuffer(data, np.uint8)
    fields = {"height": height, "width": width, "encoding": encoding, "step": step, "is_bigendian": is_bigendian}
    return SimpleNamespace(header=HEADER, data=pixels, **fields)


def compressed(data: bytes, image_format: str) -> SimpleNamespace:
    return SimpleNamespace(header=HEADER, format=image_format, data=np.frombuffer(data, np.uint8))


def encoded(suffix: str, pixels: np.ndarray) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


@pytest.mark.parametrize("padding", [0, 1, 8])
@pytest.mark.parametrize("is_bigendian", [0, 1])
@pytest.mark.parametrize(
    ("encoding", "element"),
    [("mono8", "u1"), ("8UC1", "u1"), ("mono16", "u2"), ("16UC1", "u2"), ("32FC1", "f4")],
)
def test_grey_of_both_byte_orders_with_and_without_padding(encoding, element, is_bigendian, padding):
    truth = RANDOM.integers(0, 250, (5, 7)).astype(element) * (1 if element == "u1" else 200)
    rows = np.ascontiguousarray(truth.astype(np.dtype(element).newbyteorder(">" if is_bigendian else "<")))
    padded = np.full((5, rows.view(np.uint8).shape[1] + padding), 0xEE, np.uint8)
    padded[:, : padded.shape[1] - padding] = rows.view(np.uint8)

    frame = decode_image(image(padded.tobytes(), 5, 7, encoding, padded.shape[1], is_bigendian))

    np.testing.assert_array_equal(frame.array, truth)
    assert frame.array.dtype == np.dtype(element) and frame.array.dtype.isnative and frame.array.flags.aligned
    assert (frame.encoding, frame.stamp_ns, frame.frame_id) == (encoding, 12_000_000_034, "camera")
    assert (frame.height, frame.width) == (5, 7)


@pytest.mark.parametrize("padding", [0, 3])
@pytest.mark.parametrize(
    ("encoding", "order"),
    [("rgb8", [0, 1, 2]), ("bgr8", [2, 1, 0]), ("rgba8", [0, 1, 2]), ("bgra8", [2, 1, 0])],
)
def test_colour_comes_out_in_rgb_order(encoding, order, padding):
    channels = 4 if "a" in encoding else 3
    stored = RANDOM.integers(0, 256, (4, 6, channels), dtype=np.uint8)
    rows = np.pad(stored.reshape(4, -1), ((0, 0), (0, padding)))

    frame = decode_image(image(rows.tobytes(), 4, 6, encoding, rows.shape[1]))

    np.testing.assert_array_equal(frame.array, stored[..., order])
    assert frame.encoding == "rgb8"


@pytest.mark.parametrize(("encoding", "size"), [("mono8", 1), ("16UC1", 2), ("bgr8", 3), ("32FC1", 4)])
@pytest.mark.parametrize("container", [np.frombuffer, lambda data, _: array.array("B", data), lambda data, _: data])
def test_pixels_are_not_copied(encoding, size, container):
    message = image(bytes(8 * 8 * size), 8, 8, encoding, 8 * size)
    message.data = container(message.data.tobytes(), np.uint8)

    frame = decode_image(message)

    assert np.shares_memory(frame.array, np.frombuffer(message.data, np.uint8))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"encoding": "bayer_rggb8"}, "'bayer_rggb8' is not supported: publish one of mono8"),
        ({"encoding": ""}, "is not supported"),
        ({"height": 0}, "6x0 pixels"),
        ({"width": 0}, "0x4 pixels"),
        ({"step": 5}, "step is 5 bytes but a row of 6 mono8 pixels takes 6"),
        ({"height": 5}, "24 bytes but height x step is 5 x 6 = 30"),
        ({"width": 2**32 - 1, "height": 2**32 - 1, "step": 2**32 - 1}, "24 bytes but height x step"),
        ({"data": np.empty(0, np.uint8)}, "0 bytes but"),
        ({"data": array.array("B")}, "0 bytes but"),
        ({"data": [1, 2, 3]}, "data is a list"),
    ],
)
def test_a_broken_image_gives_one_clear_error(fields, message):
    broken = image(bytes(24), 4, 6, "mono8", 6)
    vars(broken).update(fields)
    with pytest.raises(FrameError, match=message) as caught:
        decode_image(broken)
    assert "\n" not in str(caught.value)


def test_compressed_grey_keeps_its_depth_and_its_announced_encoding():
    eight = RANDOM.integers(0, 256, (6, 8), dtype=np.uint8)
    sixteen = RANDOM.integers(0, 65536, (6, 8), dtype=np.uint16)
    for pixels, image_format, encoding in [
        (eight, "mono8; png compressed ", "mono8"),
        (eight, "8UC1; png compressed ", "8UC1"),
        (eight, "png", "mono8"),
        (sixteen, "16UC1; png compressed ", "16UC1"),
        (sixteen, "mono16; png compressed ", "mono16"),
        (sixteen, "png", "mono16"),
    ]:
        frame = decode(compressed(encoded(".png", pixels), image_format))
        np.testing.assert_array_equal(frame.array, pixels)
        assert (frame.encoding, frame.stamp_ns) == (encoding, 12_000_000_034)
    # a 16-bit camera whose transport went through 8-bit JPEG
    assert decode(compressed(encoded(".jpg", eight), "mono16; jpeg compressed mono8")).encoding == "mono8"


def test_compressed_colour_is_rgb_and_transparency_is_dropped():
    red = np.zeros((16, 16, 4), np.uint8)
    red[..., 2:] = 255  # OpenCV writes from BGRA
    for suffix, pixels in [(".jpg", red[..., :3]), (".png", red[..., :3]), (".png", red)]:
        frame = decode_compressed(compressed(encoded(suffix, pixels), "rgb8; jpeg compressed bgr8"))
        assert frame.encoding == "rgb8" and frame.array.shape == (16, 16, 3)
        np.testing.assert_allclose(frame.array.reshape(-1, 3).mean(0), [255, 0, 0], atol=2)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_compressed_data_that_is_cut_or_garbage_is_refused(suffix):
    whole = encoded(suffix, RANDOM.integers(0, 256, (64, 64), dtype=np.uint8))
    with pytest.raises(FrameError, match="ends early"):
        decode_compressed(compressed(whole[: len(whole) // 2], "mono8"))
    with pytest.raises(FrameError, match="cannot be decoded"):
        decode_compressed(compressed(whole[:2] + bytes(60) + whole[-12:], "mono8"))
    with pytest.raises(FrameError, match="is empty"):
        decode_compressed(compressed(b"", "mono8"))
    with pytest.raises(FrameError, match="not supported"):
        decode_compressed(compressed(encoded(".png", np.zeros((4, 4, 3), np.uint16)), "rgb16"))


def depth_images() -> list[np.ndarray]:
    noise = RANDOM.integers(0, 65536, (24, 32), dtype=np.uint16)
    sparse = np.where(RANDOM.random((24, 32)) < 0.05, noise, 0).astype(np.uint16)
    smooth = (1000 + np.add.outer(np.arange(24), np.arange(32)) * 3).astype(np.uint16)
    return [noise, sparse, smooth, np.zeros((24, 32), np.uint16), np.full((1, 1), 65535, np.uint16)]


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize("coding", ["png", "rvl"])
def test_compressed_depth_in_millimetres(coding, index):
    depth = depth_images()[index]
    payload = rvl_of(depth) if coding == "rvl" else encoded(".png", depth)
    frame = decode(compressed(struct.pack("<iff", 0, 0, 0) + payload, f"16UC1; compressedDepth {coding}"))
    np.testing.assert_array_equal(frame.array, depth)
    assert frame.encoding == "16UC1" and frame.array.dtype == np.uint16


def test_the_old_format_string_means_png():
    depth = depth_images()[0]
    message = compressed(struct.pack("<iff", 0, 0, 0) + encoded(".png", depth), "16UC1; compressedDepth")
    np.testing.assert_array_equal(decode(message).array, depth)


@pytest.mark.parametrize("coding", ["png", "rvl"])
def test_compressed_depth_in_metres_is_quantised_inverse_depth(coding):
    depth_max, quantisation = 10.0, 100.0  # the defaults of the transport
    metres = RANDOM.uniform(0.5, 9.5, (24, 32)).astype(np.float32)
    quant_a = quantisation * (quantisation + 1)
    quant_b = 1 - quant_a / depth_max
    stored = (quant_a / metres + quant_b).astype(np.uint16)
    stored[3, 4] = 0
    payload = rvl_of(stored) if coding == "rvl" else encoded(".png", stored)

    frame = decode(compressed(struct.pack("<iff", 0, quant_a, quant_b) + payload, f"32FC1; compressedDepth {coding}"))

    assert frame.encoding == "32FC1" and frame.array.dtype == np.float32
    assert np.isnan(frame.array[3, 4]) and np.isnan(frame.array).sum() == 1
    valid = ~np.isnan(frame.array)
    # one step of the code at 9.5 m is z^2 / A = 0.9 cm
    np.testing.assert_allclose(frame.array[valid], metres[valid], atol=0.01)


def test_broken_compressed_depth():
    head = struct.pack("<iff", 0, 0, 0)
    rvl = rvl_of(depth_images()[0])
    for data, image_format, message in [
        (head + rvl[: len(rvl) // 2], "16UC1; compressedDepth rvl", "ends (after|within)"),
        (head + rvl[:8], "16UC1; compressedDepth rvl", "stream is empty"),
        (head + rvl[:4], "16UC1; compressedDepth rvl", "lacks its size"),
        (head + b"\xff" * 200, "16UC1; compressedDepth rvl", "claims 4294967295x4294967295 pixels"),
        (head + rvl[:8] + b"\xff" * 200, "16UC1; compressedDepth rvl", "no complete number"),
        (head + rvl[:8] + b"\xff" * 196 + bytes(4), "16UC1; compressedDepth rvl", "impossible number"),
        (head + rvl[:8] + bytes(200), "16UC1; compressedDepth rvl", "stands still"),
        (head + struct.pack("<II", 3, 2) + rvl[8:], "16UC1; compressedDepth rvl", "more than the announced 6"),
        (head, "16UC1; compressedDepth png", "less than its header"),
        (head + bytes(50), "16UC1; compressedDepth png", "cannot be decoded"),
        (head + encoded(".png", np.zeros((4, 4), np.uint8)), "16UC1; compressedDepth png", "not 16-bit grey"),
        (head, "8UC1; compressedDepth png", "is not supported"),
        (head, "16UC1; compressedDepth zstd", "is not supported"),
    ]:
        with pytest.raises(FrameError, match=message):
            decode_compressed_depth(compressed(data, image_format))
    broken = struct.pack("<iff", 0, np.nan, 0) + encoded(".png", depth_images()[0])
    with pytest.raises(FrameError, match="quantisation"):
        decode_compressed_depth(compressed(broken, "32FC1; compressedDepth png"))
