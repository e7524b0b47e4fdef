# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which version is active, as requests and the server's parameters decide it over DDS."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adapt_helpers import JOB_S, LATCHED, adapt, job
from madm_msgs.msg import AdaptStatus
from madm_msgs.srv import Activate
from ros_helpers import wait_until


def test_a_version_is_kept_and_activated_later(peer, start_server, robot) -> None:
    start_server()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    refused = peer.call(Activate, "/madm/activate", Activate.Request())
    assert (refused.success, refused.active_version) == (False, "base")
    assert "has no version but the base" in refused.message

    assert adapt(peer, job(robot, 1, auto_activate=False)).accepted
    wait_until(lambda: statuses[-1].state == AdaptStatus.STATE_NOT_ACTIVATED, "the end", JOB_S)
    assert "as it was asked, it is only kept and base stays" in statuses[-1].message
    assert (statuses[-1].active_version, statuses[-1].new_version) == ("base", "v0001")

    answer = peer.call(Activate, "/madm/activate", Activate.Request())
    assert (answer.success, answer.active_version) == (True, "v0001")
    wait_until(lambda: statuses[-1].active_version == "v0001", "the status")
    answer = peer.call(Activate, "/madm/activate", Activate.Request(version="v0007"))
    assert (answer.success, answer.active_version) == (False, "v0001")
    assert "there is no version 'v0007'" in answer.message
