# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Small files that claim to be large pictures are refused before a decoder takes memory for them."""

from __future__ import annotations

import resource
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from madm_model.io.frames import FrameError
from madm_model.io.messages import decode, decode_picture
from madm_model.io.picture_header import check_picture

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)
HEADER = SimpleNamespace(stamp=SimpleNamespace(sec=1, nanosec=0), frame_id="camera")


def encoded(suffix: str, pixels: np.ndarray = GREY) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


def png_of(width: int, height: int) -> bytes:
    """A whole PNG of zeros, rows and all, as small as zlib makes it."""
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + width)) for _ in range(height)) + packer.flush()
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data)) for tag, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def jpeg_of(width: int, height: int) -> bytes:
    """A JPEG of a few hundred bytes with another size in its frame header."""
    data = bytearray(encoded(".jpg"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def tiff_of(width: int, height: int) -> bytes:
    data = bytearray(encoded(".tiff"))
    (at,) = struct.unpack_from("<I", data, 4)
    for entry in range(at + 2, at + 2 + 12 * struct.unpack_from("<H", data, at)[0], 12):
        tag = struct.unpack_from("<H", data, entry)[0]
        if tag in (256, 257):
            struct.pack_into("<HHII", data, entry, tag, 4, 1, width if tag == 256 else height)
    return bytes(data)


def bmp_of(width: int, height: int) -> bytes:
    data = bytearray(encoded(".bmp"))
    struct.pack_into("<ii", data, 18, width, -height)
    return bytes(data)


LARGE = {
    "PNG": png_of(12_000, 12_000),
    "JPEG": jpeg_of(32_000, 32_000),
    "TIFF": tiff_of(30_000, 20_000),
    "BMP": bmp_of(30_000, 20_000),
    "RVL depth": struct.pack("<iffIIII", 0, 0, 0, 8192, 8192, 0x8F8F8F80, 0),
}


def peak_growth(act) -> int:
    """Bytes by which the process's peak of memory grew meanwhile."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    act()
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


@pytest.mark.parametrize("kind", LARGE)
def test_a_claim_of_many_pixels_is_one_error_and_takes_no_memory(kind: str) -> None:
    form = "16UC1; compressedDepth rvl" if kind.startswith("RVL") else "png"
    message = SimpleNamespace(header=HEADER, format=form, data=LARGE[kind])

    def refuse() -> None:
        with pytest.raises(FrameError, match=rf"the {kind} image claims \d+x\d+ pixels, at most 25 million"):
            decode(message)

    assert len(LARGE[kind]) < 200_000
    assert peak_growth(refuse) < 20e6


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".bmp"])
def test_pictures_of_every_kind_are_read(suffix: str) -> None:
    assert decode_picture(np.frombuffer(encoded(suffix), np.uint8)).shape == (6, 8)


@pytest.mark.parametrize("flags", [[cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 1]])
def test_jpegs_of_other_builds_are_read(flags: list[int]) -> None:
    data = cv2.imencode(".jpg", np.zeros((64, 48, 3), np.uint8), flags)[1]
    assert decode_picture(data).shape == (64, 48, 3)


def test_both_byte_orders_of_tiff() -> None:
    entries = ((256, 3, struct.pack(">HH", 30_000, 0)), (257, 4, struct.pack(">I", 20_000)))
    body = b"".join(struct.pack(">HHI", tag, kind, 1) + value for tag, kind, value in entries)
    with pytest.raises(FrameError, match="the TIFF image claims 30000x20000"):
        check_picture(b"MM\x00*" + struct.pack(">IH", 8, 2) + body)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"GIF89a" + bytes(50), "neither JPEG, PNG, TIFF nor BMP"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "the header of the PNG is damaged"),
        (b"\xff\xd8\xff", "the header of the JPEG is damaged"),
        (b"\xff\xd8\xff\xe0\xff\xff", "the header of the JPEG is damaged"),
        (b"II*\x00\xff\xff\xff\xff", "the header of the TIFF is damaged"),
        (b"BM", "the header of the BMP is damaged"),
        (encoded(".jpg") + b"\xff\xda" * 200, "more than 100 scans"),
    ],
)
def test_headers_of_no_use(data: bytes, message: str) -> None:
    with pytest.raises(FrameError, match=message):
        check_picture(data)
