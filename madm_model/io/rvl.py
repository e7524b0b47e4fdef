# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""RVL, the lossless depth coding of the compressedDepth transport.

Source: A. D. Wilson, "Fast Lossless Depth Image Compression", SIGCHI 2017. A stream of variable-length integers, each
in nibbles of 3 value bits (low bits first) and one continuation bit, packed from the top nibble down into 32-bit
little-endian words. The integers alternate: a count of zero pixels, a count of non-zero pixels, then one zigzag-coded
difference to the previous non-zero pixel for each of the latter.
"""

from __future__ import annotations

import numpy as np

_MAX_NIBBLES = 10  # 30 value bits: more than any count or difference of an image needs


def decode_rvl(data: np.ndarray, pixels: int) -> np.ndarray:
    """Decode an RVL stream.

    The integers are decoded and summed up in numpy; only the list of runs, whose places depend on one another, is
    walked in Python.

    Args:
        data: uint8 (N,), the stream without any size header.
        pixels: how many pixels it holds.

    Returns:
        uint16 (pixels,).

    Raises:
        ValueError: the stream ends early or holds more pixels than announced.
    """
    values = _variable_length_integers(data)
    headers, counts = _runs(values, pixels)

    is_difference = np.ones(len(values), bool)
    is_difference[headers] = False
    is_difference[headers + 1] = False
    is_difference[headers[-1] + 2 + counts[-1] :] = False
    zigzag = values[is_difference].astype(np.int64)
    depths = np.cumsum((zigzag >> 1) ^ -(zigzag & 1))

    filled = np.repeat(np.tile([False, True], len(headers)), counts)
    image = np.zeros(pixels, np.uint16)
    image[filled] = depths.astype(np.uint16)
    return image


def _variable_length_integers(data: np.ndarray) -> np.ndarray:
    """All complete integers of the stream, uint32."""
    words = data[: len(data) // 4 * 4].reshape(-1, 4)
    if words.size == 0:
        raise ValueError("the RVL stream is empty")
    in_order = words[:, ::-1]  # little-endian words, read from their top byte
    nibbles = np.stack((in_order >> 4, in_order & 15), axis=-1).reshape(-1)
    ends = np.flatnonzero(nibbles < 8)
    if ends.size == 0:
        raise ValueError("the RVL stream holds no complete number")
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _MAX_NIBBLES:
        raise ValueError("the RVL stream holds an impossible number")
    values = (nibbles[starts] & 7).astype(np.uint32)
    for position in range(1, int(lengths.max())):
        longer = np.flatnonzero(lengths > position)
        values[longer] |= (nibbles[starts[longer] + position] & 7).astype(np.uint32) << (3 * position)
    return values


def _runs(values: np.ndarray, pixels: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each run's two counts stand in the integers, int64 (R,), and the counts, int64 (2 R,)."""
    view = values.data  # indexing a memoryview gives plain ints, several times faster than numpy scalars
    headers: list[int] = []
    counts: list[int] = []
    index = done = 0
    while done < pixels:
        if index + 1 >= len(view):
            raise ValueError(f"the RVL stream ends after {done} of {pixels} pixels")
        zeros, nonzeros = view[index], view[index + 1]
        headers.append(index)
        counts.append(zeros)
        counts.append(nonzeros)
        done += zeros + nonzeros
        if not zeros and not nonzeros:
            raise ValueError(f"the RVL stream stands still after {done} of {pixels} pixels")
        index += 2 + nonzeros
    if done > pixels:
        raise ValueError(f"the RVL stream holds more than the announced {pixels} pixels")
    if index > len(view):
        raise ValueError(f"the RVL stream ends within the last of {pixels} pixels")
    return np.asarray(headers, np.int64), np.asarray(counts, np.int64)
