# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""dvs_msgs/EventArray and its kin: one message object per event, read in bulk from the serialised bytes.

Deserialised, such a message is a list of a hundred thousand Python objects; its CDR bytes are a plain table. A bag
gives those bytes as they are, an rclpy subscription does with `raw=True`.
"""

from __future__ import annotations

import struct

import numpy as np

from madm_model.events.clock import SensorClock
from madm_model.events.container import EventError, Events
from madm_model.events.payloads import Columns
from madm_model.events.stream import EventOrder, StreamCounters
from madm_model.io.limits import check_size
from madm_model.io.raw_message import byte_order

ARRAY_TYPES = ("dvs_msgs/msg/EventArray", "dv_ros2_msgs/msg/EventArray", "prophesee_event_msgs/msg/EventArray")
"""Messages of header, height, width and events of (x, y, ts, polarity): they share one layout."""

_STRIDE = 16
"""Bytes from one event to the next: 13 of content and 3 of padding."""

_LAYOUT = np.dtype(
    {
        "names": ["x", "y", "s", "ns", "p"],
        "formats": ["u2", "u2", "i4", "u4", "u1"],
        "offsets": [0, 2, 6, 10, 14],
        "itemsize": _STRIDE,
    }
)


class EventArrayStream:
    """Events of one topic of EventArray messages, from their CDR bytes."""

    def __init__(self) -> None:
        self.counters = StreamCounters()
        self.clock = SensorClock()
        """Changes nothing, as no packet is observed: the events bear ROS time."""
        self.frame_id = ""
        """Coordinate frame of the sensor, from the latest message."""
        self._order: EventOrder | None = None
        self._size = (0, 0)

    def decode(self, message: bytes) -> list[Events]:
        """The events of one serialised message, checked as `EventStream.decode` checks them.

        Times are those of the events, in ROS time already.

        Raises:
            EventError: the bytes are no such message, or the sensor has no size or one beyond all bounds.
        """
        width, height, columns = event_array_columns(message)
        self.frame_id = _frame_id(message)
        if width <= 0 or height <= 0:
            raise EventError(f"event array of a {width}x{height} sensor: width and height must be set")
        check_size("the event array", width, height, EventError)
        if self._order is None or self._size != (width, height):
            self._order, self._size = EventOrder(width, height, self.counters), (width, height)
        self.counters.packets += 1
        return self._order.check(columns)


def event_array_columns(message: bytes) -> tuple[int, int, Columns]:
    """Width, height and unchecked columns of a serialised EventArray.

    Raises:
        EventError: the bytes are not a CDR message of this type, or are cut off.
    """
    try:
        order = byte_order(message)
    except ValueError as error:
        raise EventError(f"the bytes are no EventArray, {error}: is this an EventArray topic?") from None
    body = memoryview(message)[4:]  # alignment counts from behind the encapsulation
    try:
        (name_length,) = struct.unpack_from(f"{order}I", body, 8)
        at = -(-(12 + name_length) // 4) * 4
        height, width, count = struct.unpack_from(f"{order}3I", body, at)
    except struct.error:
        raise EventError("the event array message is cut off before its events: the recording is damaged") from None
    start = at + 12
    if len(body) < start + _STRIDE * count - 3 or len(body) < start:
        raise EventError(f"the event array message promises {count} events but is cut off: the recording is damaged")
    if not count:
        return width, height, (np.empty(0, np.int64), *_no_pixels())
    # x aligns to two bytes, the time stamp to four: from the second event on, x and y lie two bytes before their place
    # in the first. The table therefore starts two bytes early, and x and y of the first event are set by hand.
    table = np.zeros(count * _STRIDE, np.uint8)
    content = np.frombuffer(body, np.uint8)[start - 2 : start - 2 + len(table)]
    table[: len(content)] = content
    rows = table.view(_LAYOUT.newbyteorder(order))
    rows["x"][0], rows["y"][0] = struct.unpack_from(f"{order}2H", body, start)
    t_us = rows["s"].astype(np.int64) * 1_000_000 + rows["ns"] // 1000
    sign = (rows["p"] > 0).astype(np.uint8)
    return width, height, (t_us, rows["x"].astype(np.uint16), rows["y"].astype(np.uint16), sign)


def _frame_id(message: bytes) -> str:
    """The header's frame_id of a message that `event_array_columns` could read."""
    (length,) = struct.unpack_from(f"{byte_order(message)}I", message, 12)
    return bytes(message[16 : 16 + max(length - 1, 0)]).decode(errors="replace")


def _no_pixels() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.empty(0, np.uint16), np.empty(0, np.uint16), np.empty(0, np.uint8)
