# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Prophesee's EVT 3.0: two packages decode it, and what both leave to be done."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from madm_model.events.container import EventError
from madm_model.events.payloads import Columns, optional_module, whole

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
        data, rest = whole(data, 2)
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
