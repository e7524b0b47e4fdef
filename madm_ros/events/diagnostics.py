# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How the event frame node is doing, as a report on /diagnostics."""

from __future__ import annotations

from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

from madm_model.events.stream import StreamCounters
from madm_ros.diagnostic_reports import make_status


@dataclass(frozen=True)
class RatesPerSecond:
    """What came and went since the report before."""

    events: float = 0.0
    """Events a second."""
    packets: float = 0.0
    """Messages a second."""
    frames: float = 0.0
    """Edge frames a second."""


class Rates:
    """Totals to rates."""

    def __init__(self) -> None:
        self._last: tuple[float, int, int, int] | None = None

    def update(self, now_s: float, events: int, packets: int, frames: int) -> RatesPerSecond:
        """The rates since the call before; zero at first, and where a stream started to count anew.

        Args:
            now_s: seconds on a clock that never goes back.
            events: total so far, as packets and frames.
        """
        last, self._last = self._last, (now_s, events, packets, frames)
        if last is None or now_s <= last[0]:
            return RatesPerSecond()
        elapsed_s = now_s - last[0]
        differences = (new - old for new, old in zip((events, packets, frames), last[1:]))
        return RatesPerSecond(*(max(difference, 0) / elapsed_s for difference in differences))


@dataclass(frozen=True)
class EventHealth:
    """What the node knows about itself when it reports."""

    topic: str
    """Where events are expected."""
    type_name: str
    """Message type listened to; empty while nobody publishes."""
    size: tuple[int, int]
    """Width and height of the sensor; zeros before the first event."""
    rates: RatesPerSecond
    """Since the report before."""
    counters: StreamCounters
    """What the stream met."""
    failed: int
    """Messages that could not be used."""
    shed: int
    """Messages dropped because the node could not keep up."""
    delay_s: float
    """How long the oldest message waits."""
    last_error: str
    """The last error if it is recent, else empty."""
    last_warning: str
    """The last loss if it is recent, else empty."""


def event_status(name: str, health: EventHealth) -> DiagnosticStatus:
    """The report: ERROR after a recent error, WARN after a recent loss or where no events come, else OK.

    Args:
        name: fully qualified name of the node.
        health: what to report.
    """
    counters = health.counters
    values = {
        "event topic": health.topic,
        "message type": health.type_name,
        "sensor": "{} x {}".format(*health.size),
        "events a second": f"{health.rates.events:.0f}",
        "packets a second": f"{health.rates.packets:.1f}",
        "edge frames a second": f"{health.rates.frames:.2f}",
        "events": str(counters.events),
        "packets": str(counters.packets),
        "gaps in seq": str(counters.gaps),
        # Packets that the node sheds are missing in seq as well.
        "packets lost": str(max(counters.lost_packets - health.shed, 0)),
        "packets shed": str(health.shed),
        "packets failed": str(health.failed),
        "packets that came twice": str(counters.duplicates),
        "clock restarts": str(counters.restarts),
        "events outside the sensor": str(counters.out_of_range),
        "events stale after a gap": str(counters.stale),
        "steps back in time": str(counters.backward),
        "bytes of cut packets": str(counters.cut_bytes),
        "trigger words": str(counters.triggers),
        "delay [ms]": f"{1000 * health.delay_s:.1f}",
    }
    return make_status(name, "events", _assess(health), values, hardware_id=health.topic)


def _assess(health: EventHealth) -> tuple[bytes, str]:
    if health.last_error:
        return DiagnosticStatus.ERROR, health.last_error
    if health.last_warning:
        return DiagnosticStatus.WARN, health.last_warning
    if not health.type_name:
        return DiagnosticStatus.WARN, f"nobody publishes events on {health.topic}"
    if not health.rates.packets:
        return DiagnosticStatus.WARN, f"no message on {health.topic}: no edge frames, and so no labels, are made"
    if not health.rates.events:
        what = f"no event in the messages on {health.topic}: the scene is still, or the sensor covered or dead"
        return DiagnosticStatus.WARN, f"{what}; edge frames come on for edges.silence_s only"
    return DiagnosticStatus.OK, f"{health.rates.events / 1e6:.3f} million events a second"
