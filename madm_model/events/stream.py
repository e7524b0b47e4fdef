# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One topic's packets -> checked events: order, sensor bounds, lost packets and restarted clocks."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from madm_model.events.clock import SensorClock
from madm_model.events.container import EventError, Events, no_events
from madm_model.events.decoders import make_decoder
from madm_model.events.payloads import Columns, Decoder
from madm_model.io.limits import check_size

_log = logging.getLogger(__name__)

_JITTER_US = 50_000
"""Steps back up to this are bit noise of the sensor's clock (EVT3 time-high words waver by up to ten, 41 ms)."""

_FURTHEST_US = 1 << 52
"""No clock of a sensor is further from its zero (142 years); in nanoseconds such times still fit into 64 bits."""
_MOST_RESTARTS = 8
"""Restarts of the clock that one packet may hold; more are damage, of which each piece would begin a picture anew."""


class _Stamp(Protocol):
    sec: int
    nanosec: int


class _Header(Protocol):
    stamp: _Stamp
    frame_id: str


class EventPacketLike(Protocol):
    """What is read from an event_camera_msgs/EventPacket (or the older event_array_msgs/EventArray)."""

    header: _Header
    height: int
    width: int
    seq: int
    time_base: int
    encoding: str
    is_bigendian: bool
    events: np.ndarray


@dataclass
class StreamCounters:
    """What a stream met so far; nothing is dropped without being counted here."""

    packets: int = 0
    """Packets decoded."""
    events: int = 0
    """Events delivered."""
    on: int = 0
    """Delivered events of positive polarity."""
    triggers: int = 0
    """External trigger words skipped."""
    gaps: int = 0
    """Places where `seq` jumped ahead."""
    lost_packets: int = 0
    """Packets missing in those gaps."""
    duplicates: int = 0
    """Packets that came twice and were ignored."""
    stale: int = 0
    """Events dropped after a gap because their row or time stood in a lost packet."""
    out_of_range: int = 0
    """Events dropped because they lie outside the sensor."""
    cut_bytes: int = 0
    """Bytes of packets cut in the middle of a word."""
    backward: int = 0
    """Small steps back in time that were levelled."""
    restarts: int = 0
    """Times the sensor's clock, the driver or the encoding started anew."""


class EventOrder:
    """Makes raw columns fit the promises of `Events`: inside the sensor, never back in time."""

    def __init__(self, width: int, height: int, counters: StreamCounters) -> None:
        self._width, self._height = width, height
        self._counters = counters
        self._last: int | None = None

    def check(self, columns: Columns) -> list[Events]:
        """The columns as events, cut where the clock starts anew; empty if nothing is left.

        Raises:
            EventError: the times are damaged: out of all reach, or starting anew again and again.
        """
        t_us, x, y, p = columns
        if not len(t_us):
            return []
        if t_us.min() < -_FURTHEST_US or t_us.max() > _FURTHEST_US:
            raise EventError("events bear times more than 142 years from the zero of their clock: they are damaged")
        # The maxima are nearly free; masks are built only for a broken packet.
        if x.max() >= self._width or y.max() >= self._height:
            inside = (x < self._width) & (y < self._height)
            self._counters.out_of_range += int(len(inside) - np.count_nonzero(inside))
            t_us, x, y, p = t_us[inside], x[inside], y[inside], p[inside]
            if not len(t_us):
                return []
        events = Events(t_us, x, y, p, self._width, self._height)
        last = int(t_us[0]) if self._last is None else self._last
        if int(t_us[0]) >= last and not (t_us[1:] < t_us[:-1]).any():
            self._last = int(t_us[-1])
            return [self._counted(events)]
        return self._levelled(events, last)

    def _levelled(self, events: Events, last: int) -> list[Events]:
        """Level small steps back to the latest time; begin a new chunk at large ones."""
        previous = np.concatenate([[last], events.t_us[:-1]])
        step_back = previous - events.t_us
        cuts = np.flatnonzero(step_back > _JITTER_US)
        if len(cuts) > _MOST_RESTARTS:
            raise EventError(f"the clock of {len(events)} events steps back {len(cuts)} times: they are damaged")
        chunks = []
        for start, stop in zip([0, *cuts], [*cuts, len(events)]):
            if start == stop:
                continue
            restart = bool(start in cuts)
            part = events.part(int(start), int(stop))
            times = np.maximum.accumulate(part.t_us if restart else np.maximum(part.t_us, last))
            self._counters.backward += int(np.count_nonzero(times != part.t_us))
            self._counters.restarts += restart
            last = int(times[-1])
            chunks.append(self._counted(replace(part, t_us=times, restart=restart)))
        self._last = last
        return chunks

    def _counted(self, events: Events) -> Events:
        self._counters.events += len(events)
        self._counters.on += int(np.count_nonzero(events.p))
        return events


class EventStream:
    """Decodes the packets of one topic; it must see all of them, in order.

    Losses, cut packets, events outside the sensor and clocks that step back are survived and counted in `counters`;
    gaps and restarts are also logged.
    """

    def __init__(self) -> None:
        self.counters = StreamCounters()
        self.clock = SensorClock()
        """Maps the sensor's clock to ROS time."""
        self.frame_id = ""
        """Coordinate frame of the sensor, from the latest packet."""
        self._format: tuple[str, int, int] | None = None
        self._session: tuple[Decoder, EventOrder] | None = None
        self._restarted = False
        self._last: tuple[int, int] | None = None
        self._spent = StreamCounters()

    def decode(self, packet: EventPacketLike) -> list[Events]:
        """The events of one packet: usually one chunk, none if it held none, several if the clock started anew.

        Raises:
            EventError: a sensor size of zero or beyond all bounds, an encoding without a decoder, or a damaged payload.
                The packets after it can be fine.
        """
        stamp_ns = int(packet.header.stamp.sec) * 1_000_000_000 + int(packet.header.stamp.nanosec)
        seq = int(packet.seq)
        if self._last == (seq, stamp_ns) != (0, 0):  # two zeros are not filled in
            self.counters.duplicates += 1
            return []
        decoder, order = self._ready(packet, seq)
        self._last = (seq, stamp_ns)
        self.frame_id = packet.header.frame_id

        data = np.frombuffer(packet.events, np.uint8)
        if packet.time_base // 1000 > _FURTHEST_US:
            raise EventError(f"an event packet has the time_base {packet.time_base}, 142 years and more: it is damaged")
        try:
            chunks = order.check(decoder.decode(data, int(packet.time_base), bool(packet.is_bigendian)))
        except Exception:
            # What the decoder carries on from here may come from the damage.
            decoder.resync()
            raise
        self.counters.packets += 1
        self.counters.triggers = self._spent.triggers + decoder.triggers
        self.counters.cut_bytes = self._spent.cut_bytes + decoder.cut_bytes
        self.counters.stale = self._spent.stale + decoder.stale
        if chunks:
            self.clock.observe(stamp_ns, int(chunks[0].t_us[0]))
        if self._restarted:
            # Held until a packet could be decoded: the consumer would go on with the old time otherwise.
            self._restarted = False
            first = chunks[0] if chunks else no_events(int(packet.width), int(packet.height))
            chunks[:1] = [replace(first, restart=True)]
        return chunks

    def resync(self) -> None:
        """Packets were left out on purpose: forget the row and the time that stood in them."""
        if self._session is not None:
            self._session[0].resync()

    def _ready(self, packet: EventPacketLike, seq: int) -> tuple[Decoder, EventOrder]:
        """The decoder and order for a packet, new ones where the stream starts anew."""
        wanted = (str(packet.encoding), int(packet.width), int(packet.height))
        if self._session is None or self._last is None:
            return self._start(wanted)
        previous = self._last[0]
        if wanted != self._format or seq < previous:
            _log.warning("event packets start anew (seq %d after %d, %s): decoder reset", seq, previous, wanted)
            self.counters.restarts += 1
            session = self._start(wanted)
            self._restarted = True
            return session
        decoder, order = self._session
        # A seq that never moves is one the driver does not fill in.
        if seq > previous + 1:
            lost = seq - previous - 1
            self.counters.gaps += 1
            self.counters.lost_packets += lost
            decoder.resync()
            _log.warning("lost %d event packets before seq %d (%d so far)", lost, seq, self.counters.lost_packets)
        return decoder, order

    def _start(self, wanted: tuple[str, int, int]) -> tuple[Decoder, EventOrder]:
        """A fresh decoder and order; what the old decoder counted is kept."""
        encoding, width, height = wanted
        if width <= 0 or height <= 0:
            raise EventError(f"event packet of a {width}x{height} sensor: width and height must be set")
        check_size("the event packet", width, height, EventError)
        decoder = make_decoder(encoding, width, height)
        if self._session is not None:
            old, _ = self._session
            self._spent.triggers += old.triggers
            self._spent.cut_bytes += old.cut_bytes
            self._spent.stale += old.stale
        self._format = wanted
        self._session = (decoder, EventOrder(width, height, self.counters))
        return self._session
