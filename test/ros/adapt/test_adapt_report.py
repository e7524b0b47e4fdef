# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the server tells people: on its console, on /diagnostics, and to a client that waits."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adapt_helpers import JOB_S, adapt, job
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from ros_helpers import wait_until

from madm_model.jobs.state import JobState, State
from madm_model.store import Snapshot
from madm_ros.adapt.report import progress_line, ready_line, server_status
from madm_ros.adapt.standing import Standing

JOBS_AS_COMMANDS = True
SNAPSHOT = Snapshot("base", Path("/base"), ("base",))


def test_the_server_says_that_it_is_ready_and_how_its_job_stands(peer, start_server, robot, capfd) -> None:
    start_server()
    ready = f"ready to adapt thermal: versions go to {robot / 'store'}, where base is active; recordings may lie in"
    wait_until(lambda: ready in capfd.readouterr().err, "the line on the console")
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    assert adapt(peer, job(robot, 100_000)).accepted

    def told() -> str:
        statuses = [item for report in reports[-5:] for item in report.status if item.name.endswith("adaptation")]
        return statuses[-1].message if statuses else ""

    wait_until(lambda: "of 100000" in told(), "the progress on /diagnostics", JOB_S)


def test_without_roots_it_says_that_every_job_is_refused() -> None:
    assert "every job is refused" in ready_line("thermal", Path("/store"), "base", ())
    status = server_status("/madm/adapt_server", Standing(), SNAPSHOT, (), (), "")
    assert (status.level, "every job is refused" in status.message) == (DiagnosticStatus.WARN, True)


def test_roots_that_are_not_there_are_named(tmp_path) -> None:
    missing = tmp_path / "bags"
    line = ready_line("thermal", Path("/store"), "base", (tmp_path, missing))
    assert line.endswith(f"recordings may lie in {tmp_path}, {missing}; not there: {missing}")
    assert "not there" not in ready_line("thermal", Path("/store"), "base", (tmp_path,))


def test_a_failed_job_and_a_rival_are_told() -> None:
    failed = Standing("20260131-120000", JobState(State.FAILED, "no space left"))
    status = server_status("/madm/adapt_server", failed, SNAPSHOT, (Path("/data"),), (), "")
    assert (status.level, status.message) == (DiagnosticStatus.WARN, "no space left")
    status = server_status("/madm/adapt_server", failed, SNAPSHOT, (Path("/data"),), (), "another one answers")
    assert (status.level, status.message) == (DiagnosticStatus.ERROR, "another one answers")


def test_progress_is_told_in_one_line() -> None:
    event = {"iteration": 7, "iterations": 100, "eta": 600.0}
    standing = Standing("20260131-120000", JobState(State.TRAINING), event)
    assert progress_line(standing) == "job 20260131-120000: iteration 7 of 100, 10 min left"
    assert progress_line(Standing("20260131-120000")) == ""


def test_before_its_first_iteration_a_job_tells_what_it_does() -> None:
    standing = Standing("20260131-120000", JobState(State.PREPARING, "reading the recordings"), {"read": 20, "kept": 9})
    assert progress_line(standing) == "job 20260131-120000: reading the recordings"
    status = server_status("/madm/adapt_server", standing, SNAPSHOT, (Path("/data"),), (), "")
    assert (status.level, status.message) == (DiagnosticStatus.OK, "job 20260131-120000: reading the recordings")
