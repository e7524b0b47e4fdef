# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A job that is proposed or started when the input of a node stays unlike what its model knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from ros_helpers import wait_until

from madm_ros.adapt.on_shift import OnShift, OnShiftConfig
from madm_ros.diagnostic_reports import SEGMENTATION

HIGH, LOW = "1.80", "0.40"


def report(store: Path, shift: str, name: str = "/madm/thermal_seg") -> DiagnosticArray:
    values = [KeyValue(key="store", value=str(store)), KeyValue(key="shift", value=shift)]
    return DiagnosticArray(status=[DiagnosticStatus(name=f"{name}: {SEGMENTATION}", values=values)])


class Bench:
    """An OnShift with a clock of its own, and a server that accepts or refuses."""

    def __init__(self, store: Path, recordings: tuple[Path, ...] = (Path("/kept"),), **config: Any) -> None:
        self.now, self.store = 0.0, store
        self.jobs: list[Any] = []
        self.lines: list[str] = []
        self.refusal = ""
        settings = OnShiftConfig(**{"action": "start", **config})
        self.on_shift = OnShift(
            settings, store, recordings, self.start, self.lines.append, self.lines.append, lambda: self.now
        )

    def start(self, job: Any) -> tuple[bool, str, str]:
        self.jobs.append(job)
        return not self.refusal, self.refusal, "20260131-120000"

    def minutes(self, count: float, shift: str = HIGH, **more: Any) -> str:
        """So long with that shift; gives what is advised at the end."""
        advice = ""
        for _ in range(round(count * 30)):
            self.now += 2
            self.on_shift.note(report(more.get("store", self.store), shift))
            advice = self.on_shift.watch(more.get("is_busy", False))
        return advice


def test_a_job_starts_once_the_shift_has_been_high_for_long(tmp_path: Path) -> None:
    bench = Bench(tmp_path, hold_minutes=5.0, train_minutes=20.0, pause_hours=2.0)
    bench.minutes(4)
    bench.minutes(0.1, LOW)
    bench.minutes(4)
    assert not bench.jobs
    bench.minutes(2)
    (job,) = bench.jobs
    assert (list(job.bag_uris), job.time_budget.sec, job.auto_activate) == (["/kept"], 1200, True)
    (line,) = bench.lines
    assert line == (
        "the input of /madm/thermal_seg has been unlike what its model knows for 5 minutes (shift 1.8): adapt it from "
        "/kept: job 20260131-120000 does"
    )
    assert bench.minutes(20, is_busy=True) == ""
    bench.minutes(90)
    assert len(bench.jobs) == 1
    bench.minutes(15)
    assert len(bench.jobs) == 2


def test_a_job_has_the_folders_of_all_cameras_that_have_recorded_something(tmp_path: Path) -> None:
    kept = tuple(tmp_path / name for name in ("front_recorder", "rear_recorder", "parked_recorder", "gone_recorder"))
    for folder in kept[:2]:
        (folder / "000001_20260131T120000Z").mkdir(parents=True)
    (kept[2] / ".open").mkdir(parents=True)
    bench = Bench(tmp_path, kept, hold_minutes=1.0)
    bench.minutes(2)
    (job,) = bench.jobs
    assert list(job.bag_uris) == [str(folder) for folder in kept[:2]]
    bench = Bench(tmp_path, kept[2:], hold_minutes=1.0)
    bench.minutes(2)
    (job,) = bench.jobs
    assert list(job.bag_uris) == [str(folder) for folder in kept[2:]]


def test_a_proposal_is_told_once_and_starts_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, action="propose", hold_minutes=5.0)
    assert "adapt it from /kept" in bench.minutes(30)
    assert (len(bench.lines), bench.jobs) == (1, [])
    assert bench.minutes(1, LOW) == ""
    bench.minutes(6)
    assert len(bench.lines) == 2


@pytest.mark.parametrize(
    ("shift", "more"),
    [("no reference", {}), ("-", {}), ("1.49", {}), (HIGH, {"store": Path("/other")})],
    ids=["no reference", "too few frames", "low", "another store"],
)
def test_what_is_not_high_starts_nothing(tmp_path: Path, shift: str, more: dict[str, Any]) -> None:
    bench = Bench(tmp_path, hold_minutes=1.0)
    assert bench.minutes(5, shift, **more) == ""
    assert not bench.jobs


def test_off_is_the_default(tmp_path: Path) -> None:
    bench = Bench(tmp_path, action=OnShiftConfig().action, hold_minutes=1.0)
    assert bench.minutes(5) == ""
    assert not bench.jobs


def test_a_node_that_is_gone_does_not_count(tmp_path: Path) -> None:
    bench = Bench(tmp_path, hold_minutes=5.0)
    bench.minutes(4)
    bench.now += 120
    assert bench.on_shift.watch(False) == ""
    bench.minutes(4)
    assert not bench.jobs


def test_a_refusal_is_told_and_tried_again_later(tmp_path: Path) -> None:
    bench = Bench(tmp_path, hold_minutes=5.0)
    bench.refusal = "/kept does not exist: check the path of the recording"
    bench.minutes(8)
    assert len(bench.jobs) == 1
    assert bench.lines[-1].endswith("no job was started: /kept does not exist: check the path of the recording")
    bench.minutes(5)
    assert len(bench.jobs) == 2


def test_the_server_starts_a_job_from_the_folder_of_recordings(peer, start_server, robot: Path) -> None:
    server = start_server(
        **{
            "on_shift.action": "start",
            "on_shift.hold_minutes": 0.0,
            "on_shift.recordings": str(robot / "nowhere" / "kept"),
        }
    )
    publisher = peer.publisher(DiagnosticArray, "/diagnostics")
    told = peer.collect(DiagnosticArray, "/diagnostics")
    refused: list[str] = []
    server._on_shift._log_warning = refused.append

    def advised() -> bool:
        found = [status for message in told for status in message.status if status.name.endswith(": adaptation")]
        return any(one.level == DiagnosticStatus.WARN and "unlike what its model knows" in one.message for one in found)

    high = report(robot / "store", HIGH)
    peer.send(publisher, high, lambda: refused and advised(), "a refusal, and a warning in the diagnostics")
    wait_until(lambda: "is not under one of the folders allowed by bag_roots" in refused[0], f"the reason in {refused}")
