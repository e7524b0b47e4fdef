# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Event bags -> events: EventPacket and EventArray topics of ROS 2 and ROS 1 bags, with or without a schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from madm_model.events.clock import SensorClock
from madm_model.events.container import EventError, Events
from madm_model.events.messages import EVENT_TYPES, EventMessages
from madm_model.events.stream import StreamCounters
from madm_model.io.bags import BagReader


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
            messages = EventMessages(reader.topics()[self.topic].type)
            self.counters, self.clock = messages.counters, messages.clock
            for raw in reader.raw_messages([self.topic]):
                try:
                    chunks = messages.decode(raw.data)
                except EventError as error:
                    raise EventError(f"{self.topic} of {self.path} cannot be read further: {error}") from None
                self.frame_id = messages.frame_id
                yield from chunks
