# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Events -> packet payloads, for simulated sensors, benchmarks and tests."""

from __future__ import annotations

import numpy as np

from madm_model.events.container import EventError, Events

_ADDR_Y, _ADDR_X, _TIME_LOW, _TIME_HIGH = 0x0000, 0x2000, 0x6000, 0x8000


def encode_evt3(events: Events) -> np.ndarray:
    """EVT 3.0 words of the events: time words where the time changes, a row word where the row does, no vectors.

    Every payload opens with its full time and row, so it also decodes after a loss.

    Returns:
        uint8 (B,), little-endian words, as in `EventPacket.events`.

    Raises:
        EventError: the sensor is larger than the 11 bits of a coordinate.
    """
    if max(events.width, events.height) > 1 << 11:
        raise EventError(f"EVT3 addresses at most 2048x2048 pixels, not {events.width}x{events.height}")
    if not len(events):
        return np.empty(0, np.uint8)
    high, low = (events.t_us >> 12 & 0xFFF).astype(np.uint16), (events.t_us & 0xFFF).astype(np.uint16)
    words = np.empty((len(events), 4), np.uint16)
    words[:, 0] = _TIME_HIGH | high
    words[:, 1] = _TIME_LOW | low
    words[:, 2] = _ADDR_Y | events.y
    words[:, 3] = _ADDR_X | events.p.astype(np.uint16) << 11 | events.x
    wanted = np.ones(words.shape, bool)
    wanted[1:, 0] = np.diff(high) != 0
    wanted[1:, 1] = wanted[1:, 0] | (np.diff(low) != 0)
    wanted[1:, 2] = wanted[1:, 1] | (np.diff(events.y) != 0)
    return words[wanted].astype("<u2").view(np.uint8)


def encode_mono(events: Events, time_base: int, big_endian: bool = False) -> np.ndarray:
    """`mono` words of the events, uint8 (8N,), with times in nanoseconds after `time_base`.

    Raises:
        EventError: an event lies before `time_base` or more than 4.29 s after it.
    """
    since = events.t_us * 1000 - time_base
    if len(events) and (since.min() < 0 or since.max() >= 1 << 32):
        raise EventError("mono packets hold events of at most 4.29 s after their time_base: send smaller packets")
    words = since.astype(np.uint64)
    words |= events.x.astype(np.uint64) << np.uint64(32)
    words |= events.y.astype(np.uint64) << np.uint64(48)
    words |= events.p.astype(np.uint64) << np.uint64(63)
    return words.astype(">u8" if big_endian else "<u8").view(np.uint8)
