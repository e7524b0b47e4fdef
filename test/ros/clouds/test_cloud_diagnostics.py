# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the cloud label node says of itself on /diagnostics."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticStatus

from madm_ros.clouds.diagnostics import CloudHealth, CloudRecord, CloudStatistics, cloud_status

GOOD = CloudHealth(
    topics={"cloud": ("/lidar/points", 10.0), "labels": ("/madm/thermal_seg/labels", 5.0)},
    info_topic="/thermal/camera_info",
    calibrated=True,
    records=[CloudRecord(0.010, 1000, 300, 250), CloudRecord(0.020, 1000, 300, 250)],
    rate=5.0,
    idle=False,
    apart_s=0.35,
    max_interval_s=0.1,
    errors=0,
    last_error="",
)
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
CASES = {
    "all is well": ({}, OK, "5.0 clouds a second, 25 % labelled"),
    "nobody listens": ({"records": [], "idle": True}, OK, "idle: clouds have labels, nobody listens"),
    "no labels": (
        {"topics": {"labels": ("/seg/labels", 0.0)}},
        WARN,
        "nothing comes on /seg/labels: .* remap 'labels'",
    ),
    "no calibration": ({"calibrated": False}, WARN, "no camera_info on /thermal/camera_info"),
    "never at one time": ({"records": []}, WARN, "within 0.1 s of its stamp, the newest are 0.35 s apart: synchronise"),
    "beside the picture": (
        {"records": [CloudRecord(0.01, 1000, 0, 0)]},
        WARN,
        "no point of the clouds lies in the pic",
    ),
    "an error": ({"last_error": "no such frame", "calibrated": False}, ERROR, "no such frame"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_report_tells_what_is_missing(case: str) -> None:
    changes, level, words = CASES[case]
    status = cloud_status("/madm/cloud_labels", replace(GOOD, **changes))
    assert status.name == "/madm/cloud_labels: cloud labels"
    assert status.level == level
    assert re.search(words, status.message)


def test_values_are_shares_and_milliseconds() -> None:
    values = {pair.key: pair.value for pair in cloud_status("/node", GOOD).values}
    assert values["points in the picture [%]"] == "30.0" and values["points labelled [%]"] == "25.0"
    assert values["time mean [ms]"] == "15.00" and values["time max [ms]"] == "20.00"
    assert values["cloud rate [Hz]"] == "10.00" and values["newest cloud ahead of labels [s]"] == "0.350"


def test_statistics_forget_what_is_old() -> None:
    now = 0.0
    statistics = CloudStatistics(lambda: now)
    statistics.record(CloudRecord(0.01, 10, 5, 5))
    statistics.record_unwanted()
    now = 2.0
    statistics.record(CloudRecord(0.02, 10, 5, 5))
    assert (len(statistics.records()), statistics.rate(), statistics.idle()) == (2, 1.0, True)
    now = 6.0
    assert (len(statistics.records()), statistics.rate(), statistics.idle()) == (1, 0.2, False)
