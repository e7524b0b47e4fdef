# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The way of one event message through the node: decode, check, accumulate, and hand on the frames that are due."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable

import numpy as np

from madm_model.events.clock import SensorClock
from madm_model.events.container import EventError, Events
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edges import EdgeFrame, EdgeFramer
from madm_model.events.messages import EventMessages
from madm_model.events.stream import StreamCounters
from madm_ros.error_log import ErrorLog

SILENCE_US = 100_000
"""After this long without an event time passes without them; frames of a silence come this much late."""

MOST_FRAMES = 100
"""Frames of one message; what asks for more is damaged, or cannot be kept up with."""

_FURTHEST_AHEAD_US = 10_000_000
"""An image stamped further ahead of the events than this bears the time of another clock."""


class EventPipeline:
    """Turns event messages into edge frames; all methods but `request` belong to one thread.

    Frames are stamped with the end of their window in sensor time, mapped to ROS time by `SensorClock`; in the window
    `stamps` they bear the very stamp of the image they were asked for with.

    Args:
        config: how frames are made; the attribute may be replaced at any time, and the picture then starts anew.
        now_ns: ROS time in nanoseconds, by which a silence is measured: it stands still while a simulation pauses.
        emit: called with each frame, uint8 (H, W), its stamp in nanoseconds and its frame_id.
        errors: where messages that cannot be used are reported.
        warnings: where losses are reported.
    """

    def __init__(
        self,
        config: EdgeConfig,
        now_ns: Callable[[], int],
        emit: Callable[[np.ndarray, int, str], None],
        errors: ErrorLog,
        warnings: ErrorLog,
    ) -> None:
        self.config = config
        self.frames = 0
        """Frames made so far."""
        self.failed = 0
        """Messages that could not be used."""
        self._now_ns = now_ns
        self._emit = emit
        self._errors, self._warnings = errors, warnings
        self._messages: EventMessages | None = None
        self._type_name = ""
        self._framer: EdgeFramer | None = None
        self._first_event_us = 0
        self._last_event_us = 0
        self._last_event_at_ns = 0
        self._requested: deque[int] = deque(maxlen=100)
        self._pending: list[tuple[int, int]] = []

    @property
    def counters(self) -> StreamCounters:
        """What the present stream met so far."""
        return self._messages.counters if self._messages else StreamCounters()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the sensor; zeros before the first event."""
        return (self._framer.width, self._framer.height) if self._framer else (0, 0)

    def request(self, stamp_ns: int) -> None:
        """In the window `stamps`, ask for a frame at the stamp of an image; may be called from any thread."""
        self._requested.append(stamp_ns)

    def process(self, message: tuple[str, bytes], after_cut: bool) -> None:
        """Take in a message. What goes wrong is reported, not raised: the next message can be fine.

        Args:
            message: name of its type and its serialised bytes.
            after_cut: messages before it were dropped on purpose.
        """
        try:
            self._process(*message, after_cut)
        except EventError as error:
            self.failed += 1
            self._errors.report(f"events skipped: {error}")
        except Exception as error:
            self.failed += 1
            self._errors.report(f"events lost, {type(error).__name__}: {error}")

    def idle(self) -> None:
        """No message came for a while: serve the images, and draw what is due while the sensor is silent."""
        try:
            self._pass_time()
        except Exception as error:
            self._errors.report(f"frame lost, {type(error).__name__}: {error}")

    def _process(self, type_name: str, data: bytes, after_cut: bool) -> None:
        if self._messages is None or type_name != self._type_name:
            # Another stream, on a clock of its own.
            self._messages, self._type_name, self._framer = EventMessages(type_name), type_name, None
        if after_cut:
            self._messages.resync()
        lost = self._messages.counters.lost_packets
        restarts = self._messages.counters.restarts
        chunks = self._messages.decode(data)
        counters = self._messages.counters
        if counters.lost_packets > lost and not after_cut:
            self._warnings.report(f"{counters.lost_packets - lost} event packets were lost on their way")
        if counters.restarts > restarts:
            self._warnings.report("the sensor's clock, its driver or its encoding started anew")
        for chunk in chunks:
            self._push(chunk)
        if any(len(chunk) for chunk in chunks):
            self._serve_requests()
        else:
            self._pass_time()

    def _pass_time(self) -> None:
        self._serve_requests()
        silent_us = (self._now_ns() - self._last_event_at_ns) // 1000
        if self._framer is not None and self._framer.has_events and silent_us > SILENCE_US:
            until_us = self._last_event_us + silent_us - SILENCE_US
            self._hand_on(self._framer.advance(until_us))
            # Those up to here got their frame, or get none: they show a silence.
            self._pending = [asked for asked in self._pending if asked[0] > until_us]

    def _push(self, chunk: Events) -> None:
        config, framer = self.config, self._framer
        if framer is None or (framer.height, framer.width) != (chunk.height, chunk.width) or framer.config != config:
            framer = self._framer = EdgeFramer(chunk.height, chunk.width, config, MOST_FRAMES)
            self._pending.clear()
        if framer.begins_anew(chunk):
            self._pending.clear()
        if len(chunk):
            if framer.begins_anew(chunk) or not framer.has_events:
                self._first_event_us = int(chunk.t_us[0])
            self._last_event_us, self._last_event_at_ns = int(chunk.t_us[-1]), self._now_ns()
        skips = framer.skips
        self._hand_on(framer.push(chunk))
        if framer.skips > skips:
            self._warnings.report(
                f"a message would make more than {MOST_FRAMES} frames, the rest is skipped: "
                "raise edges.period_s or edges.count, or look for a damaged clock"
            )

    def _serve_requests(self) -> None:
        framer = self._framer
        while self._requested:
            stamp_ns = self._requested.popleft()
            if framer is None or not framer.has_events or framer.config.window != "stamps":
                continue
            sensor_us = self._clock.to_sensor_us(stamp_ns)
            if sensor_us < self._first_event_us:
                continue
            silent_us = (self._now_ns() - self._last_event_at_ns) // 1000
            if sensor_us > self._last_event_us + max(silent_us, 0) + _FURTHEST_AHEAD_US:
                self._errors.report(
                    "an image is stamped more than 10 s ahead of the events: have camera and event camera stamped by "
                    "one clock, or use another window"
                )
                continue
            insort(self._pending, (sensor_us, stamp_ns))
            late = framer.late_requests
            self._hand_on(framer.request(sensor_us))
            if framer.late_requests > late:
                self._warnings.report("an image came later than edges.lookback_s: its frame bears a later stamp")

    def _hand_on(self, frames: list[EdgeFrame]) -> None:
        for frame in frames:
            stamp_ns = self._clock.to_ros_ns(frame.end_us)
            # A frame that came late bears a later time than was asked for, one of a silence is left out.
            while self._pending and self._pending[0][0] < frame.end_us:
                self._pending.pop(0)
            if self._pending and self._pending[0][0] == frame.end_us:
                _, stamp_ns = self._pending.pop(0)
            self.frames += 1
            self._emit(frame.image, max(stamp_ns, 0), self._messages.frame_id if self._messages else "")

    @property
    def _clock(self) -> SensorClock:
        return self._messages.clock if self._messages else SensorClock()
