# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The size of a picture file from its header: a decoder takes the memory that the header claims, so it is asked first.

Sources: ITU-T T.81 (JPEG), PNG specification 1.2, TIFF 6.0, Microsoft's BITMAPINFOHEADER.
"""

from __future__ import annotations

import struct

from madm_model.io.frames import FrameError
from madm_model.io.limits import check_size

_TIFF_SIZES = {256: "width", 257: "height", 322: "tile width", 323: "tile height"}
_MAX_SCANS = 100
"""Of a progressive JPEG: encoders make about ten, and each costs the decoder a way through the whole image."""


def check_picture(data: bytes | memoryview) -> None:
    """Refuse a picture file that claims more pixels than are taken, or is of no kind that is read.

    Args:
        data: the whole file: JPEG, PNG, TIFF or BMP.

    Raises:
        FrameError: it is of another kind, its header is damaged, or the size is beyond `limits.MAX_PIXELS`.
    """
    view = memoryview(data).cast("B")
    head = bytes(view[:4])
    known = [(kind, sizes) for signature, kind, sizes in _KINDS if head.startswith(signature)]
    if not known:
        raise FrameError("the compressed image cannot be decoded: it is neither JPEG, PNG, TIFF nor BMP")
    kind, sizes = known[0]
    try:
        found = sizes(view)
    except (struct.error, IndexError):
        found = []
    if not found:
        raise FrameError(f"the compressed image cannot be decoded: the header of the {kind} is damaged")
    for width, height in found:
        check_size(f"the {kind} image", width, height)


def _png_sizes(view: memoryview) -> list[tuple[int, int]]:
    return [struct.unpack_from(">II", view, 16)] if bytes(view[12:16]) == b"IHDR" else []


def _bmp_sizes(view: memoryview) -> list[tuple[int, int]]:
    """A negative height means rows from the top down; headers of 12 bytes are OS/2's."""
    if struct.unpack_from("<I", view, 14)[0] == 12:
        return [struct.unpack_from("<HH", view, 18)]
    width, height = struct.unpack_from("<ii", view, 18)
    return [(width, abs(height))]


def _jpeg_sizes(view: memoryview) -> list[tuple[int, int]]:
    """Of all frame headers before the first scan; a second one would be an error of the file."""
    sizes: list[tuple[int, int]] = []
    at = 2
    while view[at] == 0xFF:
        marker = view[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xDA:
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", view, at + 5)
            sizes.append((width, height))
        at += 2 if marker == 0x01 or 0xD0 <= marker <= 0xD7 else 2 + struct.unpack_from(">H", view, at + 2)[0]
    if bytes(view).count(b"\xff\xda") > _MAX_SCANS:
        raise FrameError(f"the JPEG image has more than {_MAX_SCANS} scans: it is damaged, or has to be saved again")
    return sizes


def _tiff_sizes(view: memoryview) -> list[tuple[int, int]]:
    """Of the first directory, image and tiles; 16-bit values are in the upper or lower half of their field."""
    order = "<" if view[0] == 0x49 else ">"
    (at,) = struct.unpack_from(f"{order}I", view, 4)
    (count,) = struct.unpack_from(f"{order}H", view, at)
    found: dict[str, int] = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", view, entry)
        if tag in _TIFF_SIZES:
            name, form = _TIFF_SIZES[tag], "H" if kind == 3 else "I"
            found[name] = max(found.get(name, 0), struct.unpack_from(f"{order}{form}", view, entry + 8)[0])
    sizes = [(found["width"], found["height"])] if {"width", "height"} <= set(found) else []
    if sizes and {"tile width", "tile height"} & set(found):
        sizes.append((found.get("tile width", 1), found.get("tile height", 1)))
    return sizes


_KINDS = (
    (b"\xff\xd8\xff", "JPEG", _jpeg_sizes),
    (b"\x89PNG", "PNG", _png_sizes),
    (b"II*\x00", "TIFF", _tiff_sizes),
    (b"MM\x00*", "TIFF", _tiff_sizes),
    (b"BM", "BMP", _bmp_sizes),
)
