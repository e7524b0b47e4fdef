# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How large an input may be: looked at in its header, before memory is taken for what it claims to hold."""

from __future__ import annotations

from madm_model.io.frames import FrameError, InputError

MAX_PIXELS = 25_000_000
"""Pixels of one image or one event sensor. Up to 20 bytes each to decode and prepare one (0.5 GB, measured), about 90
bytes each to segment it with 11 classes (2.3 GB, counted from the code)."""
MAX_SIDE = 1 << 15
"""Height or width in pixels."""
MAX_CHUNK_BYTES = 500_000_000
"""Of one chunk of an mcap file, unpacked: recorders make them of some megabytes, or of one message."""


def check_size(what: str, width: int, height: int, error: type[InputError] = FrameError) -> None:
    """Refuse a size that no sensor has, before anything of that size is made.

    Args:
        what: what claims it, as the subject of a sentence: "the PNG image".
        width: pixels in a row.
        height: rows.
        error: what is raised.

    Raises:
        InputError: of the type `error`; no pixels, or more than `MAX_PIXELS`, or a side beyond `MAX_SIDE`.
    """
    if width <= 0 or height <= 0:
        raise error(f"{what} claims {width}x{height} pixels: it is empty or damaged")
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise error(
            f"{what} claims {width}x{height} pixels, at most {MAX_PIXELS // 1_000_000} million are taken and "
            f"{MAX_SIDE} a side: it is damaged, or has to be made smaller"
        )


def unpacked_limit(packed_bytes: int) -> int:
    """What a compressed recording of that size may hold, bytes: recordings shrink to a half or a tenth."""
    return 256_000_000 + 200 * packed_bytes
