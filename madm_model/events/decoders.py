# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Payloads of event_camera_msgs/EventPacket -> arrays of events, one decoder per encoding.

A decoder belongs to one topic and sees every packet of it, in order: EVT3 carries its clock, row and vector base
from packet to packet. Byte layouts follow event_camera_codecs (Apache-2.0) and Prophesee's EVT 3.0 description; what
is written here is our own numpy.
"""

from __future__ import annotations

import numpy as np

from madm_model.events.container import EventError
from madm_model.events.evt3 import Evt3Decoder, Evt3RosDecoder
from madm_model.events.payloads import Columns, Decoder, optional_module, whole

ENCODINGS = ("evt3", "libcaer_cmp", "libcaer", "mono")


def make_decoder(encoding: str, width: int, height: int) -> Decoder:
    """The decoder of an encoding.

    `event_camera_py`, part of a ROS installation, is preferred for evt3 when it can be imported; otherwise the
    package `evt3` decodes it.

    Raises:
        EventError: the encoding has no decoder, or the package `evt3` is missing.
    """
    if encoding == "evt3":
        module = optional_module("event_camera_py")
        return Evt3RosDecoder(module, width, height) if module else Evt3Decoder(width, height)
    if encoding == "libcaer_cmp":
        return LibcaerCmpDecoder()
    if encoding == "libcaer":
        return LibcaerDecoder()
    if encoding == "mono":
        return MonoDecoder()
    raise EventError(f"event encoding {encoding!r} has no decoder; supported are {', '.join(ENCODINGS)}")


class _FixedWidth:
    """Encodings without state and without triggers: eight bytes an event."""

    def __init__(self) -> None:
        self.triggers = 0
        self.cut_bytes = 0
        self.stale = 0

    def resync(self) -> None:
        """Nothing is carried from packet to packet."""

    def words(self, data: np.ndarray, size: int = 8) -> np.ndarray:
        data, rest = whole(data, size)
        self.cut_bytes += rest
        return np.ascontiguousarray(data)


class MonoDecoder(_FixedWidth):
    """`mono`: 64 bits an event: 32 bits of nanoseconds after `time_base`, 16 of x, 15 of y, one of polarity."""

    def decode(self, data: np.ndarray, time_base: int, big_endian: bool) -> Columns:
        words = self.words(data).view(">u8" if big_endian else "<u8")
        t_us = ((words & 0xFFFFFFFF).astype(np.int64) + time_base) // 1000
        x = (words >> 32 & 0xFFFF).astype(np.uint16)
        y = (words >> 48 & 0x7FFF).astype(np.uint16)
        return t_us, x, y, (words >> 63).astype(np.uint8)


class LibcaerDecoder(_FixedWidth):
    """`libcaer`: libcaer's polarity events, always little-endian: a data word and 31 bits of microseconds.

    `time_base` holds nanoseconds and the clock's high bits; a roll-over inside a packet is counted on.
    """

    def decode(self, data: np.ndarray, time_base: int, big_endian: bool) -> Columns:
        pairs = self.words(data).view("<u4").reshape(-1, 2)
        word, t_us = pairs[:, 0], pairs[:, 1].astype(np.int64)
        if len(t_us):
            # Half the range tells a roll-over from a clock that only jitters backwards.
            t_us += np.cumsum(np.diff(t_us, prepend=t_us[0]) < -(1 << 30)) << 31
        t_us += time_base // 1000
        x = (word >> 17 & 0x7FFF).astype(np.uint16)
        y = (word >> 2 & 0x7FFF).astype(np.uint16)
        return t_us, x, y, (word >> 1 & 1).astype(np.uint8)


_CMP_TIME_HIGH, _CMP_TIME_LOW, _CMP_ADDR_X, _CMP_ADDR_Y, _CMP_VECT_BASE_Y, _CMP_VECT_8 = range(6)
_CMP_OUTSIDE = 1 << 15
"""A row that no sensor has."""
_UNKNOWN = -1


class LibcaerCmpDecoder(_FixedWidth):
    """`libcaer_cmp`: 16-bit words much like EVT3 with x and y exchanged; `time_base` holds nanoseconds.

    Each packet brings its own time; column, vector base and polarity carry over. Where they are not known, at the
    start of the stream and after a loss, events that need them are dropped and counted as stale.
    """

    def __init__(self) -> None:
        super().__init__()
        self.resync()

    def resync(self) -> None:
        """Column, base and polarity may have changed in what was lost."""
        self._x = self._base = self._polarity = _UNKNOWN

    def decode(self, data: np.ndarray, time_base: int, big_endian: bool) -> Columns:
        words = self.words(data, 2).view("<u2").astype(np.int32)
        code = words >> 12
        unknown = int(code.max(initial=0))
        if unknown > _CMP_VECT_8:
            raise EventError(f"libcaer_cmp packet with an unknown word type {unknown}: the payload is damaged")
        high = _held(words & 0xFFF, code == _CMP_TIME_HIGH, 0)
        low = _held(words & 0xFFF, code == _CMP_TIME_LOW, 0)
        column = _held(words & 0x7FF, code == _CMP_ADDR_X, self._x)

        is_base = code == _CMP_VECT_BASE_Y
        is_vector = code == _CMP_VECT_8
        # Every vector word moves the base on by the eight rows it covers; a base that runs away lies outside.
        rank = np.cumsum(is_vector, dtype=np.int32)
        base = _held(words & 0x7FF, is_base, max(self._base, 0)) + 8 * (rank - _held(rank, is_base, 0))
        base = np.minimum(base, _CMP_OUTSIDE)
        polarity = _held(words >> 11 & 1, is_base, self._polarity)
        lost = _UNKNOWN in (self._x, self._polarity)
        if len(words):
            self._x, self._base, self._polarity = int(column[-1]), int(base[-1]), int(polarity[-1])

        carrier = np.flatnonzero(is_vector | (code == _CMP_ADDR_Y))
        vector = is_vector[carrier]
        bits = np.where(vector, words[carrier] & 0xFF, 1).astype(np.uint8)
        flat = np.flatnonzero(np.unpackbits(bits, bitorder="little"))
        if lost:
            known = (column[carrier] != _UNKNOWN) & (~vector | (polarity[carrier] != _UNKNOWN))
            usable = known[flat >> 3]
            self.stale += int(len(usable) - np.count_nonzero(usable))
            flat = flat[usable]
        # The base was already moved on by this very word.
        first_row = np.where(vector, base[carrier] - 8, words[carrier] & 0x7FF)
        sign = np.where(vector, polarity[carrier], words[carrier] >> 11 & 1).astype(np.uint8)
        event = flat >> 3
        word = carrier[event]
        t_us = (high[word] << 12 | low[word]).astype(np.int64) + time_base // 1000
        y = (first_row[event] + (flat & 7)).astype(np.uint16)
        return t_us, column[word].astype(np.uint16), y, sign[event]


def _held(values: np.ndarray, setter: np.ndarray, initial: int) -> np.ndarray:
    """`values` where `setter`, held until the next setter; `initial` before the first."""
    at = np.flatnonzero(setter)
    held = np.concatenate([np.array([initial], values.dtype), values[at]])
    return np.repeat(held, np.diff(at, prepend=0, append=len(values)))
