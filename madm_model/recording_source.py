# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Frames of a recording for the command line: decoded in a process with limits, which a damaged file cannot hold up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edge_source import edge_topic, holds_events, open_edge_frames
from madm_model.io.frames import FrameError, RawFrame
from madm_model.io.limited import LimitedStream, Limits
from madm_model.io.sources import FrameSource, open_frames


@dataclass(frozen=True)
class _Opened:
    """What there is to know before the first frame, as of `FrameSource`."""

    topic: str | None
    length: int | None
    rate_hz: float | None
    made_topic: str | None


def open_recording(
    path: Path,
    topic: str | None = None,
    edges: EdgeConfig | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    stride: int = 1,
    on_bad_frame: Callable[[FrameError], None] | None = None,
) -> tuple[FrameSource, str | None]:
    """Open what `open_frames` and `open_edge_frames` open.

    Args:
        path: as `open_frames`, and event bags and files if there are `edges`.
        topic: as `open_frames`.
        edges: how frames are made of events; None where events are not looked for.
        start_s: as `open_frames`.
        end_s: as `open_frames`.
        stride: as `open_frames`.
        on_bad_frame: as `open_frames`.

    Returns:
        the frames, and the topic of frames that are made of events; None for images.

    Raises:
        InputError: as `open_frames` and `LimitedStream`, also while reading.
    """
    limits = Limits.of_recordings([path])

    def start() -> tuple[_Opened, LimitedStream]:
        stream = LimitedStream(str(path), _read, path, topic, edges, start_s, end_s, stride, limits=limits)
        return next(stream), stream

    opened, first = start()
    waiting = [first]  # the first reading goes on in the process that opened the recording

    def read() -> Iterator[RawFrame]:
        with closing(waiting.pop() if waiting else start()[1]) as stream:
            for item in stream:
                if not isinstance(item, FrameError):
                    yield item
                elif on_bad_frame is None:
                    raise item
                else:
                    on_bad_frame(item)

    return FrameSource(path, opened.topic, opened.length, opened.rate_hz, read), opened.made_topic


def _read(
    path: Path,
    topic: str | None,
    edges: EdgeConfig | None,
    start_s: float | None,
    end_s: float | None,
    stride: int,
) -> Iterator[_Opened | RawFrame | FrameError]:
    bad: list[FrameError] = []
    made_topic = None
    if edges is not None and holds_events(path, topic):
        source = open_edge_frames(path, topic, edges, start_s=start_s, end_s=end_s, stride=stride)
        made_topic = edge_topic(source.topic)
    else:
        source = open_frames(path, topic, start_s, end_s, stride, bad.append)
    yield _Opened(source.topic, source.length, source.rate_hz, made_topic)
    for frame in source:
        yield from bad
        bad.clear()
        yield frame
    yield from bad
