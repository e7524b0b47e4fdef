# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One topic's serialised messages -> checked events, whatever their type: the same for bags and live topics."""

from __future__ import annotations

from functools import cache
from typing import cast

import numpy as np
from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore

from madm_model.events.clock import SensorClock
from madm_model.events.container import EventError, Events
from madm_model.events.event_arrays import ARRAY_TYPES, EventArrayStream
from madm_model.events.stream import EventPacketLike, EventStream, StreamCounters
from madm_model.io.bag_storage import standard_types
from madm_model.io.raw_message import RawMessage, Topic

PACKET_TYPE = "event_camera_msgs/msg/EventPacket"
OLD_PACKET_TYPE = "event_array_msgs/msg/EventArray"
"""The name of EventPacket before 2023: the same fields, so the same bytes."""

EVENT_TYPES = (PACKET_TYPE, OLD_PACKET_TYPE, *ARRAY_TYPES)

_PACKET_DEFINITION = """std_msgs/Header header
uint32 height
uint32 width
uint64 seq
uint64 time_base
string encoding
bool is_bigendian
uint8[] events
"""


def packet_types() -> Typestore:
    """Standard message types and EventPacket, for bags that carry no definition or one that cannot be parsed."""
    types = standard_types()
    types.register(get_types_from_msg(_PACKET_DEFINITION, PACKET_TYPE))
    return types


@cache
def _types_to_write() -> Typestore:
    """`packet_types`, made once and changed by nobody: a packet takes fifty times as long with new ones."""
    return packet_types()


def make_packet(
    topic: str,
    payload: np.ndarray,
    encoding: str,
    size: tuple[int, int],
    seq: int,
    stamp_ns: int,
    frame_id: str,
    time_base: int = 0,
) -> RawMessage:
    """Make a serialised EventPacket, for `BagWriter.copy` and to publish.

    Args:
        topic: name with its leading slash.
        payload: uint8 (B,), as the functions of `madm_model.events.encoders` make.
        encoding: of the payload: evt3, mono, ...
        size: width and height of the sensor.
        seq: number of the packet, one up each time.
        stamp_ns: ROS time when the first events came, nanoseconds; also the time of recording.
        frame_id: coordinate frame of the sensor.
        time_base: nanoseconds added to the times of some encodings.
    """
    types = _types_to_write()
    names = types.types
    stamp = names["builtin_interfaces/msg/Time"](sec=stamp_ns // 1_000_000_000, nanosec=stamp_ns % 1_000_000_000)
    message = names[PACKET_TYPE](
        header=names["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id),
        height=size[1],
        width=size[0],
        seq=seq,
        time_base=time_base,
        encoding=encoding,
        is_bigendian=False,
        events=payload,
    )
    data = bytes(types.serialize_cdr(message, PACKET_TYPE))
    return RawMessage(Topic(topic, PACKET_TYPE, 0, _PACKET_DEFINITION), data, stamp_ns)


class EventMessages:
    """Decodes the messages of one topic; it must see all of them, in order.

    Args:
        type_name: the topic's message type, one of `EVENT_TYPES`.
    """

    def __init__(self, type_name: str) -> None:
        self._types = packet_types()
        self._stream = EventArrayStream() if type_name in ARRAY_TYPES else EventStream()

    @property
    def counters(self) -> StreamCounters:
        """What the topic met so far."""
        return self._stream.counters

    @property
    def clock(self) -> SensorClock:
        """Maps the time of events to ROS time; for EventArray, whose events bear ROS time, it changes nothing."""
        return self._stream.clock

    @property
    def frame_id(self) -> str:
        """Coordinate frame of the sensor, from the latest message."""
        return self._stream.frame_id

    def decode(self, data: bytes) -> list[Events]:
        """The events of one serialised (CDR) message, as `EventStream.decode` gives them.

        Raises:
            EventError: the bytes are no such message, its sensor has no size, or its encoding has no decoder.
        """
        if isinstance(self._stream, EventArrayStream):
            return self._stream.decode(data)
        try:
            packet = self._types.deserialize_cdr(data, PACKET_TYPE)
        except Exception as error:  # rosbags raises errors of several kinds on damaged bytes
            raise EventError(f"the message is no readable event packet ({error})") from None
        return self._stream.decode(cast(EventPacketLike, packet))

    def resync(self) -> None:
        """Messages were left out on purpose: forget what decoders remember of the rows and times in them."""
        if isinstance(self._stream, EventStream):
            self._stream.resync()
