# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How the bytes of a bag are reached: through rosbags, or, where its index is lost, front to back.

Both storages give the same: topics, the time of the first message, and raw messages in the ROS 2 wire format (CDR).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from rosbags import rosbag1
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from madm_model.io.bag_files import BagError, Rosbag2Reader
from madm_model.io.raw_message import RawMessage, Topic


def standard_types() -> Typestore:
    """Message definitions of ROS 2 Jazzy, which for images and camera info equal those of Foxy to Kilted."""
    return get_typestore(Stores.ROS2_JAZZY)


def learn_type(typestore: Typestore, topic: Topic) -> None:
    """Make a typestore know a topic's type, from the definition in the bag if it is not a standard one.

    Raises:
        BagError: the bag holds no definition of the type, or one that cannot be parsed.
    """
    if topic.type in typestore.types:
        return
    try:
        found = get_types_from_msg(topic.definition, topic.type)
        typestore.register({name: fields for name, fields in found.items() if name not in typestore.types})
        if not topic.definition:
            raise ValueError("it is empty")
    except Exception as error:  # the parser raises errors of several kinds
        raise BagError(
            f"the definition of {topic.type} that the bag holds for topic {topic.name} cannot be used ({error}): "
            "leave this topic out"
        ) from None


class IndexedStorage:
    """A complete bag, read through rosbags: rosbag2 (sqlite3, mcap, split or compressed) or ROS 1."""

    def __init__(self, path: Path) -> None:
        self._is_ros1 = path.suffix == ".bag"
        self._reader = rosbag1.Reader(path) if self._is_ros1 else Rosbag2Reader(path)
        self._reader.open()
        self.topics = {
            name: Topic(name, info.msgtype or "", info.msgcount, info.msgdef.data)
            for name, info in self._reader.topics.items()
        }
        self.start_ns = self._reader.start_time
        self.end_ns = self._reader.end_time
        self._types = standard_types()

    def messages(self, names: Collection[str], start_ns: int, stop_ns: int) -> Iterator[RawMessage]:
        """Messages of the named topics with start_ns <= stamp < stop_ns, in order of time."""
        connections = [connection for connection in self._reader.connections if connection.topic in names]
        for connection, stamp_ns, data in self._reader.messages(connections, start_ns, stop_ns):
            topic = self.topics[connection.topic]
            if self._is_ros1:
                learn_type(self._types, topic)
                data = bytes(self._types.ros1_to_cdr(data, topic.type))
            yield RawMessage(topic, data, stamp_ns)

    def close(self) -> None:
        """Give the files back."""
        self._reader.close()


class McapStream:
    """An mcap file without its index (the recorder was killed, the disk was full) or metadata, read from the front.

    Opening reads the file once, to know what is there; memory holds one chunk at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_complete = False
        """Whether the file was read to its end; what broke off is told by `end`."""
        self.end = ""
        self.start_ns = self.end_ns = 0
        counts: dict[str, int] = {}
        topics: dict[str, Topic] = {}
        for topic, _, stamp_ns in self._records():
            self.start_ns = min(self.start_ns, stamp_ns) if topics else stamp_ns
            self.end_ns = max(self.end_ns, stamp_ns + 1)
            topics[topic.name] = topic
            counts[topic.name] = counts.get(topic.name, 0) + 1
        self.topics = {name: Topic(name, topic.type, counts[name], topic.definition) for name, topic in topics.items()}

    def messages(self, names: Collection[str], start_ns: int, stop_ns: int) -> Iterator[RawMessage]:
        """Messages of the named topics with start_ns <= stamp < stop_ns, in the order of the file."""
        for topic, data, stamp_ns in self._records():
            if topic.name in names and start_ns <= stamp_ns < stop_ns:
                yield RawMessage(self.topics[topic.name], data, stamp_ns)

    def close(self) -> None:
        """Nothing stays open between readings."""

    def _records(self) -> Iterator[tuple[Topic, bytes, int]]:
        from mcap.records import Channel, Message, Schema
        from mcap.stream_reader import StreamReader

        schemas: dict[int, Schema] = {}
        channels: dict[int, Topic] = {}
        with self._path.open("rb") as file:
            records = StreamReader(file).records
            while True:
                try:
                    record = next(records)
                except StopIteration:
                    self.is_complete = True
                    return
                except Exception as error:  # whatever stops the parser, what came before it is good
                    self.end = f"before it breaks off ({type(error).__name__} {error})".replace(" )", ")")
                    return
                if isinstance(record, Schema):
                    schemas[record.id] = record
                elif isinstance(record, Channel):
                    schema = schemas.get(record.schema_id)
                    text = schema.data.decode(errors="replace") if schema and schema.encoding == "ros2msg" else ""
                    channels[record.id] = Topic(record.topic, schema.name if schema else "", 0, text)
                elif isinstance(record, Message) and record.channel_id in channels:
                    yield channels[record.channel_id], record.data, record.log_time
