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

import importlib
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from madm_model.events.container import EventError

ENCODINGS = ("evt3", "libcaer_cmp", "libcaer", "mono")

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""t_us int64, x uint16, y uint16, p uint8, each (N,), as they stand in the payload: unchecked, maybe out of order."""


class Decoder(Protocol):
    """Turns payload bytes into events and keeps what the format carries over from packet to packet."""

    triggers: int
    """Trigger words skipped so far."""
    cut_bytes: int
    """Bytes left over at the ends of packets that were cut in the middle of a word."""
    stale: int
    """Events dropped after a loss because their row or time stood in the lost packet."""

    def decode(self, data: np.ndarray, time_base: int, big_endian: bool) -> Columns:
        """Decode one payload.

        Args:
            data: uint8 (B,), the packet's `events`.
            time_base: the packet's `time_base`, in the unit of the encoding.
            big_endian: the packet's `is_bigendian`.
        """
        ...

    def resync(self) -> None:
        """Packets were lost: take nothing from before the loss for granted."""
        ...


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


def optional_module(name: str) -> ModuleType | None:
    """A package that is used where it is installed; None where it is not."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _whole(data: np.ndarray, size: int) -> tuple[np.ndarray, int]:
    """The payload without a cut word at its end, and the bytes cut off."""
    rest = len(data) % size
    return (data[: len(data) - rest] if rest else data), rest


_EVT3_CLOCK_BITS = 24
_EVT3_HALF_TURN = 1 << (_EVT3_CLOCK_BITS - 1)
_EVT3_ADDR_Y, _EVT3_TIME_HIGH, _EVT3_OTHERS = 0x0, 0x8, 0xE000
_EVT3_ADDR_X, _EVT3_VECT_12, _EVT3_VECT_8, _EVT3_TRIGGER = 0x2, 0x4, 0x5, 0xA


class _Evt3Words:
    """What both EVT3 decoders do to the 16-bit words before decoding: count triggers, skip what a loss left stale."""

    def __init__(self) -> None:
        self.triggers = 0
        self.cut_bytes = 0
        self.stale = 0
        self._lost = False

    def resync(self) -> None:
        self._lost = True

    def words(self, data: np.ndarray) -> np.ndarray:
        data, rest = _whole(data, 2)
        self.cut_bytes += rest
        words = np.ascontiguousarray(data).view("<u2")
        self.triggers += int(np.count_nonzero((words & 0xF000) == _EVT3_TRIGGER << 12))
        return self._after_loss(words) if self._lost else words

    def _after_loss(self, words: np.ndarray) -> np.ndarray:
        """Blank the events before the first full time and row: theirs stood in a packet that is gone."""
        code = words >> 12
        high = np.flatnonzero(code == _EVT3_TIME_HIGH)
        row = np.flatnonzero(code == _EVT3_ADDR_Y)
        row = row[row > high[0]] if len(high) else row[:0]
        start = int(row[0]) if len(row) else len(words)
        self._lost = not len(row)
        single = code[:start] == _EVT3_ADDR_X
        vector = (code[:start] == _EVT3_VECT_12) | (code[:start] == _EVT3_VECT_8)
        bits = words[:start] & np.where(code[:start] == _EVT3_VECT_12, 0xFFF, 0xFF).astype(np.uint16)
        self.stale += int(np.count_nonzero(single))
        self.stale += int(np.unpackbits(bits[vector].astype("<u2").view(np.uint8)).sum())
        words = words.copy()
        words[:start][single | vector] = _EVT3_OTHERS
        return words


class Evt3Decoder(_Evt3Words):
    """EVT 3.0 by the package `evt3`; its clock rolls over every 2^24 us (16.77 s) and is counted on in 64 bits.

    The package notices a roll-over only if time words from close before and close after it are there; one that fell
    into a loss is noticed here by a step back of more than half the range. Events before the first time-high word
    have no full time and are dropped by the package. `time_base` has no meaning in this encoding.
    """

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        module = optional_module("evt3")
        if module is None:
            raise EventError("decoding EVT3 needs the package evt3: pip install evt3 (or event_camera_py from ROS)")
        self._decoder: Any = module.Decoder(sensor_width=width, sensor_height=height)
        self._missed = 0
        self._last = 0

    def decode(self, data: np.ndarray, time_base: int, big_endian: bool) -> Columns:
        events = self._decoder.feed(self.words(data).tobytes())
        t_us = events.t.view(np.int64)
        if len(t_us):
            t_us = self._counted_on(t_us)
        return t_us, events.x, events.y, events.p

    def _counted_on(self, t_us: np.ndarray) -> np.ndarray:
        low = int(t_us[0])
        inside = (t_us[1:] < t_us[:-1]).any() and (np.diff(t_us) < -_EVT3_HALF_TURN).any()
        if not inside and low - self._last >= -_EVT3_HALF_TURN:
            self._last = int(t_us[-1])
            return t_us + (self._missed << _EVT3_CLOCK_BITS) if self._missed else t_us
        turns = self._missed + np.cumsum(np.diff(t_us, prepend=self._last) < -_EVT3_HALF_TURN)
        self._last, self._missed = int(t_us[-1]), int(turns[-1])
        return t_us + (turns << _EVT3_CLOCK_BITS)


class Evt3RosDecoder(_Evt3Words):
    """EVT 3.0 by `event_camera_py`, whose 32-bit microseconds roll over every 71.6 minutes and are counted on here."""

    def __init__(self, module: ModuleType, width: int, height: int) -> None:
        super().__init__()
        self._decoder: Any = module.Decoder()
        self._width, self._height = width, height
        self._turns = 0
        self._last = 0

    def decode(self, data: np.ndarray, time_base: int, big_endian: bool) -> Columns:
        payload = self.words(data).view(np.uint8)
        self._decoder.decode_bytes("evt3", self._width, self._height, time_base, payload.tobytes())
        events = self._decoder.get_cd_events()
        # The 32 bits are signed there; a step is therefore taken in 32 bits, where a roll-over is small.
        low = np.ascontiguousarray(events["t"]).astype(np.int64)
        if not len(low):
            return low, np.empty(0, np.uint16), np.empty(0, np.uint16), np.empty(0, np.uint8)
        steps = np.diff(low, prepend=self._last)
        turns = self._turns + np.cumsum((steps < -(1 << 31)).astype(np.int64) - (steps > 1 << 31))
        self._turns, self._last = int(turns[-1]), int(low[-1])
        return low + (turns << 32), events["x"].astype(np.uint16), events["y"].astype(np.uint16), _sign(events["p"])


def _sign(p: np.ndarray) -> np.ndarray:
    return (p > 0).astype(np.uint8)


class _FixedWidth:
    """Encodings without state and without triggers: eight bytes an event."""

    def __init__(self) -> None:
        self.triggers = 0
        self.cut_bytes = 0
        self.stale = 0

    def resync(self) -> None:
        """Nothing is carried from packet to packet."""

    def whole(self, data: np.ndarray, size: int = 8) -> np.ndarray:
        data, rest = _whole(data, size)
        self.cut_bytes += rest
        return np.ascontiguousarray(data)


class MonoDecoder(_FixedWidth):
    """`mono`: 64 bits an event: 32 bits of nanoseconds after `time_base`, 16 of x, 15 of y, one of polarity."""

    def decode(self, data: np.ndarray, time_base: int, big_endian: bool) -> Columns:
        words = self.whole(data).view(">u8" if big_endian else "<u8")
        t_us = ((words & 0xFFFFFFFF).astype(np.int64) + time_base) // 1000
        x = (words >> 32 & 0xFFFF).astype(np.uint16)
        y = (words >> 48 & 0x7FFF).astype(np.uint16)
        return t_us, x, y, (words >> 63).astype(np.uint8)


class LibcaerDecoder(_FixedWidth):
    """`libcaer`: libcaer's polarity events, always little-endian: a data word and 31 bits of microseconds.

    `time_base` holds nanoseconds and the clock's high bits; a roll-over inside a packet is counted on.
    """

    def decode(self, data: np.ndarray, time_base: int, big_endian: bool) -> Columns:
        pairs = self.whole(data).view("<u4").reshape(-1, 2)
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
        words = self.whole(data, 2).view("<u2").astype(np.int32)
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
