"""Event bags -> events: EventPacket and EventArray topics of ROS 2 and ROS 1 bags, with or without a schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore

from madm_model.events.clock import SensorClock
from madm_model.events.container import EventError, Events
from madm_model.events.event_arrays import ARRAY_TYPES, EventArrayStream
from madm_model.events.stream import EventPacketLike, EventStream, StreamCounters
from madm_model.io.bag_storage import standard_types
from madm_model.io.bags import BagReader
from madm_model.io.raw_message import RawMessage

PACKET_TYPE = "event_camera_msgs/msg/EventPacket"
PACKET_TYPES = (PACKET_TYPE, "event_array_msgs/msg/EventArray")
"""The type of today's drivers and its name before 2023: the same fields."""

EVENT_TYPES = PACKET_TYPES + ARRAY_TYPES

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


def event_topics(reader: BagReader) -> list[str]:
    """Names of the topics of a bag that hold events."""
    return [name for name, topic in reader.topics().items() if topic.type in EVENT_TYPES and topic.count]


class BagEvents:
    """The events of one topic of a bag, read as a stream each time it is iterated."""

    def __init__(self, path: Path, topic: str | None) -> None:
        """Choose the topic.

        Raises:
            BagError: the bag cannot be opened.
            EventError: it has no event topic, several and none is named, or the named one is none.
        """
        self.path = path
        with BagReader(path) as reader:
            found = event_topics(reader)
            listing = ", ".join(f"{t.name} ({t.type})" for t in reader.topics().values()) or "no topics"
        if topic is None and len(found) > 1:
            raise EventError(f"{path} has several event topics, name one: {', '.join(found)}")
        if topic is not None and topic not in found:
            raise EventError(f"{path} has no event topic {topic}; it holds {listing}")
        if not found:
            raise EventError(f"{path} has no topic of {' or '.join(EVENT_TYPES)}; it holds {listing}")
        self.topic = topic or found[0]
        self.counters = StreamCounters()
        self.clock = SensorClock()
        self.frame_id = ""

    def __iter__(self) -> Iterator[Events]:
        with BagReader(self.path) as reader:
            raw_messages = reader.raw_messages([self.topic])
            if reader.topics()[self.topic].type in ARRAY_TYPES:
                arrays = EventArrayStream()
                self.counters = arrays.counters
                for raw in raw_messages:
                    yield from arrays.decode(raw.data)
                return
            types = packet_types()
            stream = EventStream()
            self.counters, self.clock = stream.counters, stream.clock
            for raw in raw_messages:
                chunks = stream.decode(_packet(types, raw))
                self.frame_id = stream.frame_id
                yield from chunks


def _packet(types: Typestore, raw: RawMessage) -> EventPacketLike:
    try:
        return cast(EventPacketLike, types.deserialize_cdr(raw.data, PACKET_TYPE))
    except Exception as error:  # rosbags raises errors of several kinds on damaged bytes
        raise EventError(
            f"a message on {raw.topic.name} is no readable event packet ({error}): the recording is damaged"
        ) from None
