# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Bags in and out: rosbag2 (sqlite3, mcap) and ROS 1 bags to frames, and frames to mcap bags."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from madm_model.io import messages
from madm_model.io.bag_storage import BagError, IndexedStorage, McapStream, standard_types
from madm_model.io.bag_writer import BagWriter, make_camera_info_message, make_image_message
from madm_model.io.frames import FrameError, RawFrame
from madm_model.io.raw_message import RawMessage, Topic

__all__ = [
    "BAG_SUFFIXES",
    "BagError",
    "BagReader",
    "BagWriter",
    "RawMessage",
    "Topic",
    "bags_in",
    "make_camera_info_message",
    "make_image_message",
]

BAG_SUFFIXES = (".mcap", ".db3", ".bag")
IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")

_FOREVER = 1 << 62

_REPAIRS = {
    ".db3": "save what is left with sqlite3's '.recover', or record as mcap, which can be read up to the cut",
    ".mcap": "run 'mcap recover' on each of its files",
    ".bag": "run 'rosbag reindex' on it",
}

logger = logging.getLogger(__name__)
_told: set[str] = set()


def bags_in(folder: Path) -> list[Path]:
    """The bags in a folder of bags, such as a recorder's, by name; none for whatever else a path may be.

    A bag is a folder with a metadata.yaml; one with a dot before its name is not finished.
    """
    try:
        names = sorted(path for path in folder.iterdir() if path.name[:1] != ".")
    except OSError:
        return []
    if any(path.suffix in BAG_SUFFIXES or path.name == "metadata.yaml" for path in names):  # a bag itself
        return []
    return [path for path in names if (path / "metadata.yaml").is_file()]


class BagReader:
    """Read a bag as a stream: memory holds a few messages, however long the bag is.

    An mcap file whose index is lost, because recording was cut off, is read up to the point where it breaks, and a
    whole one whose metadata cannot be used to its end, with a warning in the log; a broken sqlite3 bag cannot be.

    Attributes:
        is_recovered: whether the bag breaks off, so that only what comes before is read.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a bag.

        Args:
            path: a rosbag2 folder (complete, split or without its metadata.yaml), or one .mcap, .db3 or .bag file.

        Raises:
            BagError: nothing is there, it is no bag, or it is broken.
        """
        self.path = Path(path)
        self.is_recovered = False
        self._storage = self._open()
        self._types = standard_types()

    def __enter__(self) -> BagReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the files back; the reader cannot be used any more."""
        self._storage.close()

    def check_whole(self, end_s: float | None = None) -> None:
        """To be called when all has been read that was wanted.

        Args:
            end_s: where reading stopped, in seconds from the first message; None for the bag's end.

        Raises:
            BagError: there would have been more; the bag breaks off.
        """
        if self.is_recovered and (end_s is None or end_s > self.duration_s):
            raise BagError(f"{self.path} is not a complete bag, recording was cut off")

    def topics(self) -> dict[str, Topic]:
        """All topics by name."""
        return dict(sorted(self._storage.topics.items()))

    def image_topics(self) -> list[str]:
        """Names of the topics that `frames` can read and that hold a message."""
        return [topic.name for topic in self.topics().values() if topic.type in IMAGE_TYPES and topic.count]

    @property
    def start_ns(self) -> int:
        """Time of the first message, nanoseconds; 0 for an empty bag."""
        return self._storage.start_ns if self._has_messages else 0

    @property
    def duration_s(self) -> float:
        """Seconds from the first message to the last."""
        return (self._storage.end_ns - 1 - self._storage.start_ns) / 1e9 if self._has_messages else 0.0

    @property
    def _has_messages(self) -> bool:
        return any(topic.count for topic in self._storage.topics.values())

    def choose_topic(self, topic: str | None = None) -> str:
        """The image topic to read: the named one, or the only one.

        Raises:
            BagError: it is missing, is no image topic, or several are there and none is named.
        """
        topics, image_topics = self.topics(), self.image_topics()
        if topic is None:
            if len(image_topics) == 1:
                return image_topics[0]
            if image_topics:
                raise BagError(f"{self.path} has several image topics, name one: {', '.join(image_topics)}")
            raise BagError(f"{self.path} has no image topic; it holds {_listing(topics.values())}")
        if topic not in topics:
            raise BagError(f"{self.path} has no topic {topic}; it holds {_listing(topics.values())}")
        if topics[topic].type not in IMAGE_TYPES:
            raise BagError(
                f"topic {topic} of {self.path} is of type {topics[topic].type}, not an image: "
                f"choose one of {', '.join(image_topics) or 'another bag, this one has no images'}"
            )
        return topic

    def frames(
        self,
        topic: str | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        stride: int = 1,
        on_bad_frame: Callable[[FrameError], None] | None = None,
    ) -> Iterator[RawFrame]:
        """Decode the images of one topic, in order of recording.

        Args:
            topic: an Image or CompressedImage topic (compressedDepth too); None for the only one.
            start_s: skip what was recorded before, in seconds from the first message of the bag.
            end_s: stop at what was recorded at or after this time, in seconds as above.
            stride: give every stride-th image only.
            on_bad_frame: called for a message that cannot be decoded, which is then skipped; by default it is raised.

        Raises:
            BagError: as `choose_topic`, or the bag breaks in the middle.
            FrameError: a message cannot be decoded and `on_bad_frame` is not given.
            ValueError: stride is below 1.
        """
        if stride < 1:
            raise ValueError(f"stride is {stride}: it has to be at least 1")
        name = self.choose_topic(topic)
        for index, raw in enumerate(self.raw_messages([name], start_s, end_s)):
            if index % stride:
                continue
            try:
                yield self.frame(raw)
            except FrameError as error:
                if on_bad_frame is None:
                    raise
                on_bad_frame(error)

    def frame(self, raw: RawMessage) -> RawFrame:
        """Decode one raw image message.

        Raises:
            FrameError: it is broken or of an unsupported encoding.
        """
        return replace(messages.decode(self.message(raw)), recorded=raw)

    def message(self, raw: RawMessage) -> Any:
        """Deserialise a message of a standard type into a rosbags message.

        Raises:
            FrameError: the bytes are not such a message, or the type is not a standard one.
        """
        try:
            return self._types.deserialize_cdr(raw.data, raw.topic.type)
        except Exception as error:  # rosbags raises errors of several kinds on damaged bytes
            raise FrameError(
                f"a message on {raw.topic.name} is no readable {raw.topic.type} ({error}): the recording is damaged"
            ) from None

    def raw_messages(
        self,
        topics: Collection[str] | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> Iterator[RawMessage]:
        """Messages as they are, to be replayed onto DDS or copied into another bag without deserialising them.

        Args:
            topics: names; None for all.
            start_s: as in `frames`.
            end_s: as in `frames`.

        Raises:
            BagError: the bag breaks in the middle.
        """
        start_ns = 0 if start_s is None else self.start_ns + round(start_s * 1e9)
        stop_ns = _FOREVER if end_s is None else self.start_ns + round(end_s * 1e9)
        names = set(self._storage.topics if topics is None else topics) & set(self._storage.topics)
        if not names:
            return
        stream = self._storage.messages(names, max(start_ns, 0), stop_ns)
        while True:
            try:
                raw = next(stream)
            except StopIteration:
                return
            except BagError:
                raise
            except Exception as error:  # rosbags, sqlite and the decompressors raise errors of many kinds
                raise BagError(f"{self.path} is damaged and cannot be read further: {error}") from None
            yield raw

    def _open(self) -> IndexedStorage | McapStream:
        path = self.path
        if not path.exists():
            raise BagError(f"{path} does not exist: check the path of the bag")
        if path.is_dir() and not (path / "metadata.yaml").exists():
            files = _bag_files(path)
            if not files:
                raise BagError(f"{path} is not a bag: it has neither a metadata.yaml nor a .mcap, .db3 or .bag file")
            if len(files) > 1:
                raise BagError(f"{path} has no metadata.yaml and several bag files: run 'ros2 bag reindex' on it")
            path = files[0]
        elif path.is_file() and path.suffix not in BAG_SUFFIXES:
            raise BagError(f"{path} is not a bag: give a rosbag2 folder or a {', '.join(BAG_SUFFIXES)} file")
        try:
            return IndexedStorage(path)
        except BagError:
            raise
        except Exception as error:  # rosbags lets errors of several kinds through on damaged files
            return self._recover(path, str(error))

    def _recover(self, path: Path, reason: str) -> McapStream:
        """Read an mcap file from the front after rosbags refused it."""
        files = [path] if path.is_file() else _bag_files(path)
        suffixes = {file.suffix for file in files}
        if len(files) != 1 or suffixes != {".mcap"}:
            advice = _REPAIRS.get(suffixes.pop() if len(suffixes) == 1 else "", "record it again")
            raise BagError(f"{self.path} cannot be opened ({reason}), recording was probably cut off: {advice}")
        try:
            stream = McapStream(files[0])
        except ImportError:
            raise BagError(
                f"{self.path} cannot be opened ({reason}): 'pip install mcap' lets it be read up to the cut"
            ) from None
        except OSError as error:
            raise BagError(f"{self.path} cannot be read: {error}") from None
        if not stream.topics:
            raise BagError(f"{self.path} cannot be opened ({reason}) and holds no readable message: record it again")
        self.is_recovered = not stream.is_complete
        found = sum(topic.count for topic in stream.topics.values())
        if stream.is_complete:
            text = f"{self.path} has metadata that cannot be used ({reason}): its mcap file is whole, {found} messages"
        else:
            text = f"{self.path} is not a complete bag ({reason}): {found} messages can be read {stream.end}"
        # A bag is opened several times on its way, to be checked and to be read: it is told once.
        if text not in _told:
            _told.add(text)
            logger.warning("%s", text)
        return stream


def _bag_files(folder: Path) -> list[Path]:
    """The bag files in a folder, hidden ones left out: macOS leaves ._NAME in copies."""
    return sorted(file for file in folder.iterdir() if file.suffix in BAG_SUFFIXES and file.name[:1] != ".")


def _listing(topics: Collection[Topic]) -> str:
    return ", ".join(f"{topic.name} ({topic.type}, {topic.count})" for topic in topics) or "no topics at all"
