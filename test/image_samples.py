# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Encoders of images that only tests need."""

from __future__ import annotations

import struct

import numpy as np


def rvl_of(pixels: np.ndarray) -> bytes:
    """A plain RVL encoder, one pixel after the other, written from the paper's description; the size before it."""
    nibbles: list[int] = []

    def put(value: int) -> None:
        while True:
            value, low = value >> 3, value & 7
            nibbles.append(low | (8 if value else 0))
            if not value:
                return

    values, index, previous = pixels.reshape(-1).tolist(), 0, 0
    while index < len(values):
        start = index
        while index < len(values) and values[index] == 0:
            index += 1
        put(index - start)
        start = index
        while index < len(values) and values[index] != 0:
            index += 1
        put(index - start)
        for value in values[start:index]:
            difference, previous = value - previous, value
            put(2 * difference if difference >= 0 else -2 * difference - 1)
    nibbles += [0] * (-len(nibbles) % 8)
    words = [
        sum(nibble << (28 - 4 * place) for place, nibble in enumerate(nibbles[i : i + 8]))
        for i in range(0, len(nibbles), 8)
    ]
    height, width = pixels.shape
    return struct.pack("<II", width, height) + struct.pack(f"<{len(words)}I", *words)
