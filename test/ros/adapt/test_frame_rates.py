# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The frame rate before a job and during it."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from madm_ros.adapt.frame_rates import FrameRates
from madm_ros.diagnostic_reports import SEGMENTATION, WINDOW_S
from madm_ros.segmentation.diagnostics import NodeHealth, diagnostic_status


class Clock:
    """Stands until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock) -> FrameRates:
    return FrameRates(clock)


def report(fps: float, name: str = "/seg", state: str = "active") -> DiagnosticArray:
    health = NodeHealth(state, "tiny", "/image", fps, [], 0, 0, "", None)
    return DiagnosticArray(status=[DiagnosticStatus(name="/lidar: driver"), diagnostic_status(name, health)])


def tell(rates: FrameRates, clock: Clock, *fps: float) -> None:
    for value in fps:
        clock.now += 1
        rates.note(report(value))


def test_the_mean_during_a_job_is_told_beside_the_rate_before(rates, clock) -> None:
    tell(rates, clock, 3.0, 10.0)
    rates.begin()
    tell(rates, clock, *[10.0] * 5, 4.0, 5.0, 6.0)  # the statistics of the first 5 s hold frames from before
    assert rates.end() == "/seg published 5.0 label images a second during the job, 10.0 before it"
    tell(rates, clock, 10.0)
    assert rates.end() == ""


def test_every_node_is_told_of(rates, clock) -> None:
    for name in ("/b", "/a"):
        rates.note(report(8.0, name))
    rates.begin()
    clock.now += 6
    for name in ("/b", "/a", "/late"):
        rates.note(report(2.0, name))
    assert [part.split()[0] for part in rates.end().split("; ")] == ["/a", "/b"]


def test_a_short_job_and_a_node_that_stands_still_tell_nothing(rates, clock) -> None:
    tell(rates, clock, 10.0)
    rates.begin()
    tell(rates, clock, 10.0)
    clock.now += 10
    rates.note(report(0.0, state="inactive"))
    assert rates.end() == ""


@pytest.mark.parametrize("values", [{}, {"fps": "fast"}])
def test_a_report_of_a_stranger_under_the_same_name_is_left(rates, clock, values) -> None:
    stranger = DiagnosticStatus(name=f"/other: {SEGMENTATION}")
    stranger.values = [KeyValue(key=key, value=value) for key, value in {"state": "active", **values}.items()]
    tell(rates, clock, 10.0)
    rates.begin()
    clock.now += WINDOW_S
    rates.note(DiagnosticArray(status=[stranger]))
    tell(rates, clock, 9.0)
    assert rates.end() == "/seg published 9.0 label images a second during the job, 10.0 before it"
