# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A stream of events -> edge frames: windows, noise filter and accumulation together."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from madm_model.events.accumulators import Accumulator, make_accumulator
from madm_model.events.container import EventError, Events, join
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.noise import NoiseFilter, make_noise_filter

_BATCH = 1 << 18
"""Events folded in at once: enough to outweigh the cost per call, few enough to stay in the cache."""
_MOST_IDLE_FRAMES = 30
"""Frames drawn at once over a silence before the windows skip to its end."""
_WINDOWS_AT_ONCE = 8
"""Windows that `frames` gives to `push`."""
_FURTHEST_BEHIND_US = 1_000_000
"""Events further behind the last frame are of a clock that was set back: such a delay is no delay any more."""
_JITTER_US = 50_000
"""Steps back between chunks that are no restart, as in `EventOrder`."""


@dataclass(frozen=True, eq=False)
class EdgeFrame:
    """One edge frame."""

    image: np.ndarray
    """uint8 (H, W)."""
    start_us: int
    """Sensor time of the frame before, or of the first event."""
    end_us: int
    """Sensor time that the frame shows: the end of its window, and its stamp."""
    events: int
    """Events in its window, before the noise filter."""


class EdgeFramer:
    """Makes edge frames of one sensor's events; memory does not grow with the stream.

    Feed every chunk to `push`. In the window `stamps`, name the times wanted with `request`. When the sensor is
    silent, `advance` lets time pass. Without events no frame comes later than `silence_s` after the last one.

    Args:
        height: rows of the sensor.
        width: columns.
        config: how frames are made.
        most_frames: frames that one push makes at most; the windows then skip to its end. None: as many as there are.
    """

    def __init__(
        self, height: int, width: int, config: EdgeConfig | None = None, most_frames: int | None = None
    ) -> None:
        self.config = config or EdgeConfig()
        self.height, self.width = height, width
        self.skips = 0
        """Pushes of which frames were left out because there were too many."""
        self.late_requests = 0
        """Requested stamps that came after their events had been folded in; their frames bear the later time."""
        self._most_frames = most_frames
        self._period_us = max(round(self.config.period_s * 1e6), 1)
        self._silence_us = round(self.config.silence_s * 1e6)
        self._reset()

    def _reset(self) -> None:
        self._accumulator: Accumulator = make_accumulator(self.height, self.width, self.config)
        self._filter: NoiseFilter | None = make_noise_filter(self.height, self.width, self.config)
        self._waiting: deque[Events] = deque()
        self._waiting_count = 0
        self._window_events = 0
        self._start_us: int | None = None
        self._now_us: int | None = None
        self._last_event_us = 0
        self._folded_us: int | None = None
        self._requests: list[int] = []

    @property
    def has_events(self) -> bool:
        """Whether any event came since the start or the last restart."""
        return self._now_us is not None

    def begins_anew(self, events: Events) -> bool:
        """Whether `push` of these events would forget all before them: their clock starts anew, or goes back."""
        if events.restart:
            return True
        if self._start_us is None or not len(events):
            return False
        first_us = int(events.t_us[0])
        return first_us < self._last_event_us - _JITTER_US or first_us < self._start_us - _FURTHEST_BEHIND_US

    def push(self, events: Events) -> list[EdgeFrame]:
        """Take in the next chunk of the stream; the frames that it completes.

        A chunk that marks a restarted sensor clock, or goes back in time, begins everything anew.

        Raises:
            EventError: the chunk is of a sensor of another size.
        """
        if (events.height, events.width) != (self.height, self.width):
            raise EventError(
                f"events of a {events.width}x{events.height} sensor for frames of {self.width}x{self.height}: "
                "use one framer per sensor"
            )
        if self.begins_anew(events):
            self._reset()
        if not len(events):
            return []
        if self._start_us is None:
            self._start_us = self._last_event_us = int(events.t_us[0])
        self._forget_requests_of_silence(int(events.t_us[0]))
        self._now_us = int(events.t_us[-1])
        if self.config.window == "count":
            return self._push_counted(events)
        if self.config.window == "stamps":
            self._wait(events)
            return self._serve()
        return self._push_timed(events)

    def frames(self, events: Events) -> Iterator[EdgeFrame]:
        """As `push`, but a few frames at a time: a chunk of a file may last for minutes, or claim to last for years.

        Raises:
            EventError: the chunk is of a sensor of another size.
        """
        start = 0
        while start < len(events) or not start:
            stop = start + _WINDOWS_AT_ONCE * self.config.count
            if self.config.window == "time":
                span_us = _WINDOWS_AT_ONCE * self._period_us
                stop = int(np.searchsorted(events.t_us, events.t_us[start] + span_us)) if len(events) else 1
            yield from self.push(events.part(start, min(stop, len(events))))
            start = stop

    def advance(self, now_us: int) -> list[EdgeFrame]:
        """No event came up to the sensor time `now_us`: the frames due by then, faded."""
        if self._start_us is None or self._now_us is None or now_us <= self._now_us:
            return []
        self._now_us = now_us
        if self.config.window == "count":
            return []
        if self.config.window == "time":
            return self._due(now_us)
        return self._serve()

    def request(self, stamp_us: int) -> list[EdgeFrame]:
        """In the window `stamps`, ask for the frame at a sensor time; it comes once events from then on are seen.

        Raises:
            EventError: another window is configured.
        """
        if self.config.window != "stamps":
            raise EventError(f"frames come by the window {self.config.window}: configure the window stamps to ask")
        insort(self._requests, stamp_us)
        return self._serve()

    def _push_counted(self, events: Events) -> list[EdgeFrame]:
        frames: list[EdgeFrame] = []
        while self._window_events + len(events) >= self.config.count:
            if self._enough(frames):
                self._wait(events)
                self._window_events %= self.config.count
                break
            cut = self.config.count - self._window_events
            self._wait(events.part(0, cut))
            frames.append(self._draw(int(events.t_us[cut - 1])))
            events = events.part(cut, len(events))
        else:
            self._wait(events)
        self._fold_full()
        return frames

    def _push_timed(self, events: Events) -> list[EdgeFrame]:
        frames: list[EdgeFrame] = []
        while int(events.t_us[-1]) >= self._end_us():
            if self._enough(frames):
                self._skip_to(int(events.t_us[-1]))
                break
            cut = int(np.searchsorted(events.t_us, self._end_us()))
            self._wait(events.part(0, cut))
            events = events.part(cut, len(events))
            frames += self._due(int(events.t_us[0]))
            self._skip_to(int(events.t_us[0]))
        self._wait(events)
        self._fold_full()
        return frames

    def _enough(self, frames: list[EdgeFrame]) -> bool:
        """Whether a push has made all the frames that it may; counted."""
        enough = self._most_frames is not None and len(frames) >= self._most_frames
        self.skips += enough
        return enough

    def _end_us(self) -> int:
        return (self._start_us or 0) + self._period_us

    def _skip_to(self, now_us: int) -> None:
        """Leave out the windows that end by `now_us`."""
        if self._end_us() <= now_us:
            self._start_us = now_us - (now_us - (self._start_us or 0)) % self._period_us

    def _due(self, now_us: int) -> list[EdgeFrame]:
        """The frames of all windows that end by `now_us`; a long silence is drawn in part only."""
        frames: list[EdgeFrame] = []
        while self._end_us() <= now_us:
            if not self._window_events and self._end_us() > self._last_event_us + self._silence_us:
                break
            if len(frames) == _MOST_IDLE_FRAMES:
                self._skip_to(now_us)
                break
            frames.append(self._draw(self._end_us()))
        return frames

    def _forget_requests_of_silence(self, until_us: int) -> None:
        """Leave out the frames asked for before `until_us` that would show a silence for too long."""
        silent_us = self._last_event_us + self._silence_us
        self._requests = [stamp for stamp in self._requests if stamp <= silent_us or stamp >= until_us]

    def _serve(self) -> list[EdgeFrame]:
        """The requested frames whose events have all been seen; the rest waits a while."""
        if self._now_us is None:
            return []
        self._forget_requests_of_silence(self._now_us + 1)
        frames: list[EdgeFrame] = []
        while self._requests and self._requests[0] <= self._now_us:
            stamp_us = self._requests.pop(0)
            if self._folded_us is not None and stamp_us < self._folded_us:
                self.late_requests += 1
                stamp_us = self._folded_us
            self._fold(stamp_us)
            frames.append(self._draw(stamp_us))
        # Twice the time, so that a fold has enough events to be worth its cost.
        lookback_us = round(self.config.lookback_s * 1e6)
        if self._waiting and int(self._waiting[0].t_us[0]) < self._now_us - 2 * lookback_us:
            self._fold(self._now_us - lookback_us)
        return frames

    def _wait(self, events: Events) -> None:
        if len(events):
            self._waiting.append(events)
            self._waiting_count += len(events)
            self._last_event_us = int(events.t_us[-1])
            self._window_events += len(events)

    def _fold_full(self) -> None:
        if self._waiting_count >= _BATCH:
            self._fold(None)

    def _fold(self, until_us: int | None) -> None:
        """Accumulate the waiting events before `until_us`, or all of them."""
        if until_us is not None:
            self._folded_us = max(until_us, self._folded_us or until_us)
        ready: list[Events] = []
        while self._waiting and (until_us is None or int(self._waiting[0].t_us[0]) < until_us):
            chunk = self._waiting.popleft()
            stop = len(chunk) if until_us is None else int(np.searchsorted(chunk.t_us, until_us))
            ready.append(chunk.part(0, stop))
            if stop < len(chunk):
                self._waiting.appendleft(chunk.part(stop, len(chunk)))
                break
        if not ready:
            return
        events = join(ready)
        self._waiting_count -= len(events)
        for start in range(0, len(events), _BATCH):
            part = events.part(start, min(start + _BATCH, len(events)))
            self._accumulator.add(self._filter.keep(part) if self._filter else part)

    def _draw(self, end_us: int) -> EdgeFrame:
        if self.config.window != "stamps":
            self._fold(None)
        start_us = end_us if self._start_us is None else self._start_us
        waiting = self._waiting_count
        frame = EdgeFrame(self._accumulator.frame(end_us), start_us, end_us, self._window_events - waiting)
        self._start_us, self._window_events = end_us, waiting
        return frame
