# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A server whose jobs make students, over DDS."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adapt_helpers import JOB_S, LATCHED, adapt, job, options
from adaptation_samples import SMALL_STUDENT, write_student
from madm_msgs.msg import AdaptStatus
from ros_helpers import wait_until

from madm_model.model_config import ModelConfig, ModelError


def test_the_servers_student_learns_from_the_adapted_model_and_becomes_active(peer, start_server, robot) -> None:
    start_server(student=str(write_student(robot / "student")))
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    refused = adapt(peer, job(robot, 1, options=options(student="alexnet")))
    assert not refused.accepted and "there is no student 'alexnet': use one of swiftnet" in refused.message
    wanted = options(**{"distillation.iterations": "2", "distillation.view.batch_size": "2"})
    answer = adapt(peer, job(robot, 1, options=wanted))
    assert answer.accepted, answer.message
    wait_until(lambda: statuses[-1].active_version == "v0001", "the student", JOB_S)
    version = robot / "store" / "versions" / "v0001"
    assert ModelConfig.load(version).architecture == SMALL_STUDENT
    assert ModelConfig.load(version / "teacher").name.startswith("miniature@")
    assert any("a small learns from the adapted model for 2 iterations" in status.message for status in statuses)
    last = statuses[-1].progress
    assert (last.iteration, last.iterations, last.noise_step) == (2, 2, -1)


def test_a_student_that_is_not_there_ends_the_start(ros, start_server) -> None:
    with pytest.raises(ModelError, match="there is no student 'alexnet'"):
        start_server(student="alexnet")
