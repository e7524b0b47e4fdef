# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The adaptation server beside others: jobs it did not start, a store that others change, what it cannot tell."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adapt_helpers import JOB_S, LATCHED, adapt, job
from adaptation_samples import write_model
from madm_msgs.msg import AdaptJob, AdaptStatus
from ros_helpers import wait_until
from std_srvs.srv import Trigger

from madm_model.jobs.lock import running_job, the_one_job
from madm_model.jobs.request import JobFolder
from madm_model.jobs.state import JobState
from madm_model.store import VersionInfo, VersionStore
from madm_ros.adapt import messages
from madm_ros.adapt.job_process import JobProcess
from madm_ros.adapt.messages import to_request


def test_a_killed_job_is_reported_and_can_be_resumed_by_another_server(peer, start_server, robot) -> None:
    server = start_server()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    response = adapt(peer, job(robot, 100_000))
    assert response.accepted, response.message
    wait_until(lambda: statuses and statuses[-1].state == AdaptStatus.STATE_TRAINING, "training", JOB_S)
    os.kill(server._jobs._process.pid, signal.SIGKILL)
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_INTERRUPTED, "the report")
    assert "was ended by signal 9; it can be resumed" in statuses[-1].message
    assert statuses[-1].active_version == "base"
    assert running_job(robot / "store") is None

    start_server()
    late = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    wait_until(lambda: late and late[-1].job_id == response.job_id, "the last job of the store")
    assert late[-1].state == AdaptStatus.STATE_INTERRUPTED
    assert late[-1].job == job(robot, 100_000, modality="thermal", frame_stride=1)
    assert adapt(peer, AdaptJob(resume_job_id=response.job_id)).accepted
    wait_until(lambda: late[-1].state == AdaptStatus.STATE_TRAINING, "training", JOB_S)
    assert late[-1].job.iterations == 100_000


def test_a_job_of_nobody_is_respected_and_its_end_is_seen(peer, start_server, robot) -> None:
    folder = JobFolder.create(robot / "store", to_request(job(robot), "thermal", {}, base=str(robot / "base")))
    with the_one_job(robot / "store", folder.job_id):
        start_server()
        statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
        wait_until(lambda: statuses and statuses[-1].job_id == folder.job_id, "the status")
        assert statuses[-1].state == AdaptStatus.STATE_PREPARING
        assert adapt(peer, job(robot)).job_id == folder.job_id
        folder.update(state="not_activated", message="done")
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_NOT_ACTIVATED, "the job's end")


def test_a_job_that_begins_beside_the_server_is_told_of_and_can_be_canceled(peer, start_server, robot) -> None:
    start_server()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    wait_until(lambda: statuses and not statuses[-1].job_id, "the first status")
    request = to_request(job(robot, 100_000), "thermal", {}, base=str(robot / "base"))
    folder = JobFolder.create(robot / "store", request)
    newer = JobFolder.create(robot / "store", request)  # the running one is not always the newest
    process = JobProcess(robot / "store", folder.job_id, lambda event: None, lambda status: None)
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_TRAINING, "the job to be seen", JOB_S)
    assert (statuses[-1].job_id, statuses[-1].job.iterations) == (folder.job_id, 100_000)

    start_server()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    wait_until(lambda: statuses and statuses[-1].job_id == folder.job_id, "the running job, not the newest")
    canceled = peer.call(Trigger, "/madm/adapt/cancel", Trigger.Request())
    assert (canceled.success, folder.job_id in canceled.message) == (True, True)
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_CANCELED, "the end", JOB_S)
    process.end(JOB_S)
    assert newer.state() == JobState()


def test_what_others_do_to_the_store_is_told(peer, start_server, robot) -> None:
    start_server()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    store = VersionStore(robot / "store", robot / "base")
    store.activate(store.add(write_model, lambda name: VersionInfo(name, "base", "by hand", "thermal")))
    wait_until(lambda: statuses and statuses[-1].active_version == "v0001", "the status")


def test_names_that_are_not_utf8_are_told_as_far_as_they_can_be(peer, start_server, robot) -> None:
    name = os.fsdecode(b"caf\xe9")
    request = to_request(job(robot), "thermal", {}, base=str(robot / "base"))
    request = replace(request, target=replace(request.target, bags=(f"/bags/{name}",)))
    JobFolder.create(robot / "store", request).update(state="failed", message=f"{name} cannot be read")
    start_server()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    wait_until(lambda: statuses, "the status")
    assert statuses[-1].message == "caf\\udce9 cannot be read"
    assert statuses[-1].job.bag_uris == ["/bags/caf\\udce9"]


def test_a_lock_that_cannot_be_read_is_told_and_ends_nothing(peer, start_server, robot) -> None:
    start_server()
    (robot / "store" / "jobs" / ".running").mkdir(parents=True)
    for _ in range(2):
        response = peer.call(Trigger, "/madm/adapt/cancel", Trigger.Request())
        assert (response.success, ".running" in response.message) == (False, True)


def test_a_status_that_cannot_be_told_leaves_the_job_alone(peer, start_server, robot, monkeypatch) -> None:
    server = start_server()
    monkeypatch.setattr(messages, "to_progress", lambda event: 1 / 0)
    response = adapt(peer, job(robot))
    wait_until(lambda: server._jobs.state_of(response.job_id).state == "activated", "the end", JOB_S)
    monkeypatch.undo()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    VersionStore(robot / "store", robot / "base").rollback()
    wait_until(lambda: statuses and statuses[-1].state and statuses[-1].active_version == "base", "the status")
    assert (statuses[-1].job_id, statuses[-1].state) == (response.job_id, AdaptStatus.STATE_ACTIVATED)
