"""A stream of events -> edge frames: windows, noise filter and accumulation together."""

from __future__ import annotations

from bisect import insort
from collections import deque
from dataclasses import dataclass

import numpy as np

from madm_model.events.accumulators import Accumulator, make_accumulator
from madm_model.events.container import EventError, Events, join
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.noise import NoiseFilter, make_noise_filter

_BATCH = 1 << 18
"""Events folded in at once: enough to outweigh the cost per call, few enough to stay in the cache."""
_MOST_IDLE_FRAMES = 30
"""Frames drawn over a silence before the windows skip to its end."""


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
    silent, `advance` lets time pass.
    """

    def __init__(self, height: int, width: int, config: EdgeConfig | None = None) -> None:
        self.config = config or EdgeConfig()
        self.height, self.width = height, width
        self.late_requests = 0
        """Requested stamps that came after their events had been folded in; their frames bear the later time."""
        self._reset()

    def _reset(self) -> None:
        self._accumulator: Accumulator = make_accumulator(self.height, self.width, self.config)
        self._filter: NoiseFilter | None = make_noise_filter(self.height, self.width, self.config)
        self._waiting: deque[Events] = deque()
        self._waiting_count = 0
        self._window_events = 0
        self._start_us: int | None = None
        self._now_us: int | None = None
        self._folded_us: int | None = None
        self._requests: list[int] = []

    @property
    def has_events(self) -> bool:
        """Whether any event came since the start or the last restart."""
        return self._now_us is not None

    def push(self, events: Events) -> list[EdgeFrame]:
        """Take in the next chunk of the stream; the frames that it completes.

        A chunk that marks a restarted sensor clock begins everything anew.

        Raises:
            EventError: the chunk is of a sensor of another size.
        """
        if (events.height, events.width) != (self.height, self.width):
            raise EventError(
                f"events of a {events.width}x{events.height} sensor for frames of {self.width}x{self.height}: "
                "use one framer per sensor"
            )
        if events.restart:
            self._reset()
        if not len(events):
            return []
        if self._start_us is None:
            self._start_us = int(events.t_us[0])
        self._now_us = int(events.t_us[-1])
        if self.config.window == "count":
            return self._push_counted(events)
        if self.config.window == "stamps":
            self._wait(events)
            return self._serve()
        return self._push_timed(events)

    def advance(self, now_us: int) -> list[EdgeFrame]:
        """No event came up to the sensor time `now_us`: the frames due by then, faded."""
        if self._start_us is None or self._now_us is None or now_us <= self._now_us:
            return []
        self._now_us = now_us
        if self.config.window == "count":
            return []
        return self._serve() if self.config.window == "stamps" else self._due(now_us)

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
        frames = []
        while self._window_events + len(events) >= self.config.count:
            cut = self.config.count - self._window_events
            self._wait(events.part(0, cut))
            frames.append(self._draw(int(events.t_us[cut - 1])))
            events = events.part(cut, len(events))
        self._wait(events)
        self._fold_full()
        return frames

    def _push_timed(self, events: Events) -> list[EdgeFrame]:
        frames: list[EdgeFrame] = []
        while int(events.t_us[-1]) >= self._end_us():
            cut = int(np.searchsorted(events.t_us, self._end_us()))
            self._wait(events.part(0, cut))
            events = events.part(cut, len(events))
            frames += self._due(int(events.t_us[0]))
        self._wait(events)
        self._fold_full()
        return frames

    def _end_us(self) -> int:
        return (self._start_us or 0) + max(round(self.config.period_s * 1e6), 1)

    def _due(self, now_us: int) -> list[EdgeFrame]:
        """The frames of all windows that end by `now_us`; a long silence is drawn in part only."""
        frames: list[EdgeFrame] = []
        while self._end_us() <= now_us:
            if len(frames) == _MOST_IDLE_FRAMES:
                period_us = self._end_us() - (self._start_us or 0)
                self._start_us = now_us - (now_us - self._end_us()) % period_us - period_us
            frames.append(self._draw(self._end_us()))
        return frames

    def _serve(self) -> list[EdgeFrame]:
        """The requested frames whose events have all been seen; the rest waits a while."""
        if self._now_us is None:
            return []
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
