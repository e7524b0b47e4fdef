# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Jobs that do not end when they are told to."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adapt_helpers import JOB_S, LATCHED, adapt, job
from madm_msgs.msg import AdaptJob, AdaptStatus
from ros_helpers import wait_until
from std_srvs.srv import Trigger

from madm_model.jobs.lock import running_job
from madm_model.jobs.request import JobFolder
from madm_ros.adapt.messages import to_request

DEAF = """#!/bin/sh
trap '' TERM
echo '{"event": "state", "state": "training", "message": "in a long iteration"}'
exec sleep 600
"""


def test_a_job_that_does_not_hear_is_killed_and_can_be_resumed(peer, start_server, robot, monkeypatch) -> None:
    deaf = robot / "python"
    deaf.write_text(DEAF)
    deaf.chmod(0o755)
    start_server(cancel_grace_s=0.2)
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    with monkeypatch.context() as change:
        change.setattr(sys, "executable", str(deaf))
        response = adapt(peer, job(robot, 100_000))
        assert response.accepted, response.message
        wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_TRAINING, "training")
        JobFolder(robot / "store", response.job_id).update(progress={"iteration": 40})
        assert peer.call(Trigger, "/madm/adapt/cancel", Trigger.Request()).success
        wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_CANCELED, "the end")
    expected = "canceled; it did not end within 0.2 s and was killed; it can be resumed from iteration 40"
    assert statuses[-1].message == expected
    assert adapt(peer, AdaptJob(resume_job_id=response.job_id)).accepted


def test_a_job_of_another_process_that_does_not_hear_is_killed(peer, start_server, robot) -> None:
    request = to_request(job(robot), "thermal", {}, base=str(robot / "base"))
    folder = JobFolder.create(robot / "store", request)
    program = (
        "import signal, sys, time; from pathlib import Path; from madm_model.jobs.lock import the_one_job\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "with the_one_job(Path(sys.argv[1]), sys.argv[2]): time.sleep(600)"
    )
    command = [sys.executable, "-c", program, str(robot / "store"), folder.job_id]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3]) as process:
        wait_until(lambda: running_job(robot / "store"), "the other process")
        start_server(cancel_grace_s=0.2)
        statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
        wait_until(lambda: statuses and statuses[-1].job_id == folder.job_id, "the status")
        assert peer.call(Trigger, "/madm/adapt/cancel", Trigger.Request()).success
        assert process.wait(JOB_S) == -signal.SIGKILL
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_CANCELED, "the end")
    assert "was killed; it can be resumed from its beginning" in statuses[-1].message
