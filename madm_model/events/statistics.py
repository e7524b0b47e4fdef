# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a recording holds, in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from madm_model.events.container import EventError, Events
from madm_model.events.stream import StreamCounters

_RATE_WINDOW_US = 10_000


@dataclass(frozen=True)
class EventSummary:
    """Numbers of one recording."""

    width: int
    """Columns of the sensor."""
    height: int
    """Rows of the sensor."""
    events: int
    """Number of events."""
    on: int
    """Events of positive polarity."""
    duration_s: float
    """Seconds from the first event to the last, restarts of the clock left out."""
    peak_mev_s: float
    """Highest rate over 10 ms, million events a second."""
    longest_silence_s: float
    """Longest time without an event, seconds."""

    @property
    def mean_mev_s(self) -> float:
        """Mean rate, million events a second; 0 for a recording of a single moment."""
        return self.events / self.duration_s / 1e6 if self.duration_s > 0 else 0.0

    def rows(self, counters: StreamCounters) -> list[tuple[str, str]]:
        """Lines of a table: the numbers, and what the reader met."""
        share = 100 * self.on / self.events
        lines = [
            ("sensor", f"{self.width} x {self.height}"),
            ("duration", f"{self.duration_s:.3f} s"),
            ("events", f"{self.events} ({share:.1f} % on, {100 - share:.1f} % off)"),
            ("mean rate", f"{self.mean_mev_s:.3f} million events/s"),
            ("peak rate over 10 ms", f"{self.peak_mev_s:.3f} million events/s"),
            ("longest silence", f"{1000 * self.longest_silence_s:.3f} ms"),
        ]
        if counters.packets:
            lines.append(("packets", str(counters.packets)))
            lines.append(("gaps", f"{counters.gaps}, {counters.lost_packets} packets lost"))
        met = {
            "trigger words": counters.triggers,
            "outside the sensor": counters.out_of_range,
            "steps back in time": counters.backward,
            "clock restarts": counters.restarts,
            "packets that came twice": counters.duplicates,
            "stale after a gap": counters.stale,
            "bytes of cut packets": counters.cut_bytes,
        }
        return lines + [(name, str(number)) for name, number in met.items() if number]


def summarise(chunks: Iterable[Events]) -> EventSummary:
    """Read a recording once and count.

    Raises:
        EventError: there is no event in it, or the sensor changes its size.
    """
    size: tuple[int, int] | None = None
    total = on = duration_us = silence_us = peak = 0
    last: int | None = None
    window, in_window = 0, 0
    for chunk in chunks:
        if size is not None and size != (chunk.width, chunk.height):
            raise EventError("the sensor changes its size in the recording: cut it there")
        size = (chunk.width, chunk.height)
        if not len(chunk):
            continue
        total += len(chunk)
        on += int(np.count_nonzero(chunk.p))
        first = int(chunk.t_us[0])
        if last is not None and not chunk.restart:
            duration_us += first - last
            silence_us = max(silence_us, first - last)
        duration_us += int(chunk.t_us[-1]) - first
        silence_us = max(silence_us, int(np.diff(chunk.t_us).max(initial=0)))
        last = int(chunk.t_us[-1])
        windows, counts = np.unique(chunk.t_us // _RATE_WINDOW_US, return_counts=True)
        # A window may have begun in the chunk before.
        counts[0] += in_window if int(windows[0]) == window and not chunk.restart else 0
        peak = max(peak, int(counts.max()))
        window, in_window = int(windows[-1]), int(counts[-1])
    if size is None or not total:
        raise EventError("the recording holds no events")
    return EventSummary(*size, total, on, duration_us / 1e6, peak / _RATE_WINDOW_US, silence_us / 1e6)
