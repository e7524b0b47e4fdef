# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Edge frames of a recording, in the shape in which every other sensor's frames come."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from madm_model.events.bags import event_topics
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edges import EdgeFrame, EdgeFramer
from madm_model.events.recording import FILE_SUFFIXES, EventRecording, open_events
from madm_model.io.bags import BagError, BagReader
from madm_model.io.frames import RawFrame
from madm_model.io.raw_message import stamp_of
from madm_model.io.sources import FrameSource


def open_edge_frames(
    path: str | Path,
    topic: str | None = None,
    config: EdgeConfig | None = None,
    in_step_with: str | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    stride: int = 1,
) -> FrameSource:
    """Open an event recording as frames.

    Args:
        path: an event bag or file, as `open_events` takes it.
        topic: for a bag, the event topic; None for the only one.
        config: how frames are made of events.
        in_step_with: for a bag, an image topic: one frame at the stamp of each of its images, instead of the window
            of `config`.
        start_s: as in `open_events`.
        end_s: as in `open_events`.
        stride: give every stride-th frame only.

    Returns:
        Frames mono8 (H, W). Stamps are the ends of the windows: in ROS time, as `SensorClock` maps it, for packets in
        a bag; in sensor time for files and for messages that hold ROS time themselves.

    Raises:
        EventError: as `open_events`. BagError: the bag cannot be opened or lacks `in_step_with`.
    """
    config = config or EdgeConfig()
    recording = open_events(path, topic, start_s=start_s, end_s=end_s)
    if in_step_with is not None:
        with BagReader(recording.path) as reader:
            reader.choose_topic(in_step_with)
        config = replace(config, window="stamps")

    def read() -> Iterator[RawFrame]:
        frames = _stepped(recording, config, in_step_with) if in_step_with else _windowed(recording, config)
        return islice(frames, 0, None, stride)

    rate_hz = 1 / config.period_s / stride if config.window == "time" else None
    return FrameSource(recording.path, recording.topic, None, rate_hz, read)


def holds_events(path: str | Path, topic: str | None = None) -> bool:
    """Whether `open_edge_frames` is the door for a path: an event file, or a bag in which the topic is one of events.

    Finished edge frames, in a folder of images or on an image topic, are no events: `open_frames` reads them.
    """
    path = Path(path)
    if path.suffix.lower() in FILE_SUFFIXES:
        return True
    try:
        with BagReader(path) as reader:
            found = event_topics(reader)
    except BagError:
        return False
    return bool(found) if topic is None else topic in found


def edge_topic(event_topic: str | None) -> str:
    """The topic of edge frames beside an event topic: /event_camera/events gives /event_camera/edges."""
    return f"{event_topic.rsplit('/', 1)[0]}/edges" if event_topic else "/edges"


def _windowed(recording: EventRecording, config: EdgeConfig) -> Iterator[RawFrame]:
    framer: EdgeFramer | None = None
    for chunk in recording:
        framer = framer or EdgeFramer(chunk.height, chunk.width, config)
        for frame in framer.frames(chunk):
            yield _raw_frame(recording, frame, _ros_ns(recording, frame.end_us))


def _stepped(recording: EventRecording, config: EdgeConfig, image_topic: str) -> Iterator[RawFrame]:
    """A frame at each image stamp from the first event to the last, bearing the very stamp of the image."""
    framer: EdgeFramer | None = None
    silent_us = 0
    stamps = deque(sorted(image_stamps(recording.path, image_topic)))
    for chunk in recording:
        if not len(chunk):
            continue
        framer = framer or EdgeFramer(chunk.height, chunk.width, config)
        # Images from before the first event, or from a silence that is not drawn.
        while stamps and (not framer.has_events or _sensor_us(recording, stamps[0]) > silent_us):
            if _sensor_us(recording, stamps[0]) >= int(chunk.t_us[0]):
                break
            stamps.popleft()
        framer.push(chunk)
        silent_us = int(chunk.t_us[-1]) + round(config.silence_s * 1e6)
        while stamps and _sensor_us(recording, stamps[0]) <= int(chunk.t_us[-1]):
            stamp_ns = stamps.popleft()
            for frame in framer.request(_sensor_us(recording, stamp_ns)):
                yield _raw_frame(recording, frame, stamp_ns)


def image_stamps(path: Path, topic: str) -> list[int]:
    """Header stamps of a bag's image topic in nanoseconds, in the order of recording; no image is decoded.

    Raises:
        BagError: the bag cannot be opened, or the topic is no image topic of it.
    """
    with BagReader(path) as reader:
        name = reader.choose_topic(topic)
        stamps = []
        for raw in reader.raw_messages([name]):
            try:
                stamps.append(stamp_of(raw.data))
            except ValueError as error:
                raise BagError(
                    f"a message on {name} of {path} has no readable header, {error}: it is damaged"
                ) from None
        return stamps


def _ros_ns(recording: EventRecording, sensor_us: int) -> int:
    return recording.clock.to_ros_ns(sensor_us) if recording.clock else sensor_us * 1000


def _sensor_us(recording: EventRecording, ros_ns: int) -> int:
    return recording.clock.to_sensor_us(ros_ns) if recording.clock else ros_ns // 1000


def _raw_frame(recording: EventRecording, frame: EdgeFrame, stamp_ns: int) -> RawFrame:
    return RawFrame(frame.image, "mono8", stamp_ns, recording.frame_id)
