# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One door to everything that holds events: bags and event files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from madm_model.events.bags import BagEvents
from madm_model.events.clock import SensorClock
from madm_model.events.container import EventError, Events, Size
from madm_model.events.dsec import DSEC_SUFFIXES, DsecFile
from madm_model.events.files import Aedat4File, raw_columns, raw_size
from madm_model.events.payloads import Columns
from madm_model.events.stream import EventOrder, StreamCounters
from madm_model.events.text import TEXT_SUFFIXES, text_columns, text_size
from madm_model.io.bags import BAG_SUFFIXES
from madm_model.io.limits import check_size

FILE_SUFFIXES = (".raw", ".aedat4", *DSEC_SUFFIXES, *TEXT_SUFFIXES)


class EventRecording:
    """Chunks of events to iterate over, as often as wanted; memory holds one chunk at a time."""

    def __init__(
        self,
        path: Path,
        chunks: Callable[[StreamCounters], Iterable[Events]],
        start_s: float | None,
        end_s: float | None,
        bag: BagEvents | None = None,
    ) -> None:
        self.path = path
        self._chunks = chunks
        self._start_s, self._end_s = start_s, end_s
        self._counters = StreamCounters()
        self._bag = bag

    @property
    def counters(self) -> StreamCounters:
        """What the latest iteration met so far; events before the start time are counted too."""
        return self._bag.counters if self._bag else self._counters

    @property
    def clock(self) -> SensorClock | None:
        """For a bag, the map from sensor time to ROS time; None for files, which know no other clock."""
        return self._bag.clock if self._bag else None

    @property
    def topic(self) -> str | None:
        """For a bag, the topic that is read."""
        return self._bag.topic if self._bag else None

    @property
    def frame_id(self) -> str:
        """For a bag, the sensor's coordinate frame once a packet was read; for files their name without the ending."""
        return self._bag.frame_id if self._bag else self.path.stem

    def __iter__(self) -> Iterator[Events]:
        self._counters = StreamCounters()
        chunks = self._bag if self._bag else self._chunks(self._counters)
        if self._start_s is None and self._end_s is None:
            return iter(chunks)
        return _between(chunks, self._start_s, self._end_s)


def open_events(
    path: str | Path,
    topic: str | None = None,
    size: Size | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
) -> EventRecording:
    """Open whatever recording the path names.

    Args:
        path: a bag (rosbag2 folder, .mcap, .db3 or .bag), Prophesee EVT 3.0 .raw, .aedat4, DSEC-layout .h5, or text
            of lines `t x y p` or `t,x,y,p` (.txt, .csv).
        topic: for a bag, the event topic; None for the only one.
        size: width and height of the sensor, for .raw, .h5 and text files; None for what the file says.
        start_s: skip what happened before, in seconds of sensor time from the first event.
        end_s: stop at what happened at or after this time, in seconds as above.

    Raises:
        EventError: nothing is there, it is of no known kind or damaged, or a package to read it is missing. Iterating
            raises it as well.
        BagError: a bag that cannot be opened.
    """
    path = Path(path)
    if not path.exists():
        raise EventError(f"{path} does not exist: give an event bag or file")
    if path.is_dir() or path.suffix in BAG_SUFFIXES:
        if size is not None:
            raise EventError(f"{path} is a bag: its packets tell the size of the sensor, leave it out")
        bag = BagEvents(path, topic)
        return EventRecording(path, lambda counters: bag, start_s, end_s, bag)
    if topic is not None:
        raise EventError(f"{path} is not a bag: it has no topics to choose from")
    if not path.is_file():
        raise EventError(f"{path} is no file: give an event bag or a file of {', '.join(FILE_SUFFIXES)}")
    size, columns = _file(path, size, start_s, end_s)
    width, height = size
    check_size(str(path), width, height, EventError)

    def chunks(counters: StreamCounters) -> Iterator[Events]:
        order = EventOrder(width, height, counters)
        for part in columns():
            yield from order.check(part)

    # An HDF5 file finds the span through its table, instead of reading up to it.
    cut = path.suffix.lower() in DSEC_SUFFIXES
    return EventRecording(path, chunks, None if cut else start_s, None if cut else end_s)


def _file(
    path: Path, size: Size | None, start_s: float | None, end_s: float | None
) -> tuple[Size, Callable[[], Iterator[Columns]]]:
    suffix = path.suffix.lower()
    if suffix == ".raw":
        known = size or raw_size(path)
        return known, lambda: raw_columns(path, known)
    if suffix == ".aedat4":
        aedat4 = Aedat4File(path)
        return size or aedat4.size, aedat4.columns
    if suffix in DSEC_SUFFIXES:
        dsec = DsecFile(path)
        return size or dsec.size, lambda: dsec.columns(start_s, end_s)
    if suffix in TEXT_SUFFIXES:
        return size or text_size(path), lambda: text_columns(path)
    kinds = ", ".join((*BAG_SUFFIXES, *FILE_SUFFIXES))
    raise EventError(f"{path} is of no known kind: give a bag folder or a file of {kinds}")


def _between(chunks: Iterable[Events], start_s: float | None, end_s: float | None) -> Iterator[Events]:
    """Cut to a span of time after the first event."""
    origin: int | None = None
    for chunk in chunks:
        if len(chunk):
            origin = int(chunk.t_us[0]) if origin is None else origin
            first = 0 if start_s is None else int(np.searchsorted(chunk.t_us, origin + round(start_s * 1e6)))
            stop = len(chunk) if end_s is None else int(np.searchsorted(chunk.t_us, origin + round(end_s * 1e6)))
            if stop > first:
                yield chunk.part(first, stop)
            if stop < len(chunk):
                return
