# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How the cloud label node is doing: the clouds of the last seconds, and their report on /diagnostics."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

from madm_ros.diagnostic_reports import WINDOW_S, make_status


@dataclass(frozen=True)
class CloudRecord:
    """One cloud that was published."""

    seconds: float
    """What it took."""
    points: int
    """Its points."""
    in_picture: int
    """Those in the camera's picture."""
    labelled: int
    """Those that got a label."""


class CloudStatistics:
    """The clouds of the last `WINDOW_S` seconds.

    Args:
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._records: deque[tuple[float, CloudRecord]] = deque()
        self._unwanted = -float("inf")

    def record(self, record: CloudRecord) -> None:
        """Add a cloud that was just published."""
        self._records.append((self._clock(), record))

    def record_unwanted(self) -> None:
        """Note a cloud that nobody listens for."""
        self._unwanted = self._clock()

    def idle(self) -> bool:
        """Whether clouds of the window had labels, but no listener."""
        return self._clock() - self._unwanted <= WINDOW_S

    def records(self) -> list[CloudRecord]:
        """Clouds of the window, oldest first."""
        while self._records and self._clock() - self._records[0][0] > WINDOW_S:
            self._records.popleft()
        return [record for _, record in self._records]

    def rate(self) -> float:
        """Clouds a second over the window, or since the start where that is shorter."""
        return len(self.records()) / max(min(WINDOW_S, self._clock() - self._began), 1.0)


@dataclass(frozen=True)
class CloudHealth:
    """What the node knows about itself when it reports."""

    topics: dict[str, tuple[str, float]]
    """Input (cloud or depth, labels, confidence) to its topic and the messages a second that come there."""
    info_topic: str
    """Where the calibration comes from."""
    calibrated: bool
    """Whether it has come."""
    records: list[CloudRecord]
    """Clouds of the window."""
    rate: float
    """Clouds published a second."""
    idle: bool
    """Clouds have labels, and nobody listens."""
    apart_s: float | None
    """How far the newest cloud is ahead of the newest labels, seconds."""
    max_interval_s: float
    """How far they may be apart."""
    errors: int
    """Errors since the node started."""
    last_error: str
    """The last error if it is recent, else empty."""


def cloud_status(name: str, health: CloudHealth) -> DiagnosticStatus:
    """The report: ERROR after a recent error, WARN where something is missing, else OK.

    Args:
        name: fully qualified name of the node.
        health: what to report.
    """
    values: dict[str, str] = {}
    for what, (topic, rate) in health.topics.items():
        values[f"{what} topic"] = topic
        values[f"{what} rate [Hz]"] = f"{rate:.2f}"
    points, in_picture, labelled = _sums(health.records)
    seconds = [record.seconds for record in health.records]
    values |= {
        "camera_info topic": health.info_topic,
        "clouds a second": f"{health.rate:.2f}",
        "points in the picture [%]": f"{100 * in_picture / points:.1f}" if points else "-",
        "points labelled [%]": f"{100 * labelled / points:.1f}" if points else "-",
        "time mean [ms]": f"{1000 * sum(seconds) / len(seconds):.2f}" if seconds else "-",
        "time max [ms]": f"{1000 * max(seconds):.2f}" if seconds else "-",
        "newest cloud ahead of labels [s]": "-" if health.apart_s is None else f"{health.apart_s:.3f}",
        "errors": str(health.errors),
    }
    geometry = next((topic for topic, _ in health.topics.values()), "")  # the first is that of the points
    return make_status(name, "cloud labels", _assess(health), values, hardware_id=geometry)


def _sums(records: list[CloudRecord]) -> tuple[int, int, int]:
    return tuple(sum(getattr(one, name) for one in records) for name in ("points", "in_picture", "labelled"))


def _assess(health: CloudHealth) -> tuple[bytes, str]:
    if health.last_error:
        return DiagnosticStatus.ERROR, health.last_error
    for what, (topic, rate) in health.topics.items():
        if not rate:
            return DiagnosticStatus.WARN, f"nothing comes on {topic}: start what publishes it, or remap '{what}'"
    if not health.calibrated:
        return DiagnosticStatus.WARN, f"no camera_info on {health.info_topic}: calibrate the camera, or remap it"
    if not health.records:
        if health.idle:
            return DiagnosticStatus.OK, "idle: clouds have labels, nobody listens"
        apart = "" if health.apart_s is None else f", the newest are {abs(health.apart_s):.2f} s apart"
        return DiagnosticStatus.WARN, (
            f"no cloud has labels within {health.max_interval_s:g} s of its stamp{apart}: synchronise the clocks, or "
            "raise max_interval_s or queue_size"
        )
    points, in_picture, labelled = _sums(health.records)
    if points and not in_picture:
        return DiagnosticStatus.WARN, (
            "no point of the clouds lies in the picture: see whether the transform between the two sensors is right"
        )
    return DiagnosticStatus.OK, f"{health.rate:.1f} clouds a second, {100 * labelled / max(points, 1):.0f} % labelled"
