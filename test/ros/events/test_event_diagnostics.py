# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the event frame node reports of itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticStatus

from madm_model.events.stream import StreamCounters
from madm_ros.events.diagnostics import EventHealth, Rates, RatesPerSecond, event_status

HEALTHY = EventHealth(
    topic="/dvs/events",
    type_name="event_camera_msgs/msg/EventPacket",
    size=(640, 480),
    rates=RatesPerSecond(2.5e6, 250.0, 30.0),
    counters=StreamCounters(packets=10, events=70, gaps=2, lost_packets=9),
    failed=1,
    shed=4,
    delay_s=0.0125,
    last_error="",
    last_warning="",
)


def test_rates_are_differences_over_time() -> None:
    rates = Rates()
    assert rates.update(10.0, 1000, 10, 1) == RatesPerSecond()
    assert rates.update(12.0, 5000, 30, 61) == RatesPerSecond(2000.0, 10.0, 30.0)
    # A new stream counts from the start.
    assert rates.update(13.0, 100, 1, 62) == RatesPerSecond(0.0, 0.0, 1.0)


def test_the_report_holds_the_numbers() -> None:
    status = event_status("/madm/event_edges", HEALTHY)
    values = {item.key: item.value for item in status.values}
    assert status.name == "/madm/event_edges: events"
    assert (status.level, status.message) == (DiagnosticStatus.OK, "2.500 million events a second")
    assert values["sensor"] == "640 x 480" and values["delay [ms]"] == "12.5"
    # Four of the nine packets missing in seq were dropped by the node itself.
    assert (values["packets lost"], values["packets shed"], values["packets failed"]) == ("5", "4", "1")


@pytest.mark.parametrize(
    ("change", "level", "message"),
    [
        ({"last_error": "no decoder", "last_warning": "lost"}, DiagnosticStatus.ERROR, "no decoder"),
        ({"last_warning": "3 packets were lost"}, DiagnosticStatus.WARN, "3 packets were lost"),
        ({"type_name": ""}, DiagnosticStatus.WARN, "nobody publishes events on /dvs/events"),
        (
            {"rates": RatesPerSecond()},
            DiagnosticStatus.WARN,
            "no message on /dvs/events: no edge frames, and so no labels, are made",
        ),
        (
            {"rates": RatesPerSecond(0.0, 250.0, 0.0)},
            DiagnosticStatus.WARN,
            "no event in the messages on /dvs/events: the scene is still, or the sensor covered or dead; "
            "edge frames come on for edges.silence_s only",
        ),
    ],
)
def test_what_is_wrong_comes_first(change: dict, level: bytes, message: str) -> None:
    status = event_status("/node", replace(HEALTHY, **change))
    assert (status.level, status.message) == (level, message)
