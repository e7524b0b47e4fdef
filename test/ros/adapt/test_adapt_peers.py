# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Who follows the server's store, and who answers in its place."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adapt_helpers import LATCHED, adapt, job
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from madm_msgs.msg import AdaptStatus
from madm_msgs.srv import Rollback
from ros_helpers import wait_until

from madm_ros.adapt import peers as adapt_peers
from madm_ros.adapt.peers import Followers
from madm_ros.diagnostic_reports import SEGMENTATION, WINDOW_S


def _report(name: str, store: str, kind: str = SEGMENTATION) -> DiagnosticArray:
    status = DiagnosticStatus(name=f"{name}: {kind}", values=[KeyValue(key="store", value=store)])
    return DiagnosticArray(status=[status])


def test_followers_are_the_segmentation_nodes_that_name_the_store(tmp_path) -> None:
    now = [0.0]
    followers = Followers(tmp_path, lambda: now[0])
    assert followers.advice() == f"no node that is heard here follows {tmp_path}: start one with store:={tmp_path}"
    for name in ("/madm/rear", "/madm/front"):
        followers.note(_report(name, str(tmp_path)))
    followers.note(_report("/madm/other", str(tmp_path / "other")))
    followers.note(_report("/madm/edges", str(tmp_path), "events"))
    assert (followers.names(), followers.advice()) == (["/madm/front", "/madm/rear"], "")
    followers.note(_report("/madm/rear", "-"))
    assert followers.names() == ["/madm/front"]
    now[0] = WINDOW_S + 1.0
    assert followers.names() == []


def test_the_status_names_who_follows(peer, start_server, start_node, robot) -> None:
    start_server()
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    wait_until(lambda: statuses, "the status")
    assert list(statuses[-1].followers) == []
    start_node(model=str(robot / "base"), store=str(robot / "store"))
    wait_until(lambda: list(statuses[-1].followers) == ["/segmentation_node"], "the follower")


def test_two_servers_of_one_name_refuse_requests(peer, start_server, spin, robot, monkeypatch) -> None:
    monkeypatch.setattr(adapt_peers, "_RIVAL_AFTER_S", 0.0)
    server = start_server()
    other = peer.publisher(AdaptStatus, "/madm/adapt/status")
    wait_until(lambda: server._rival, "the complaint")
    refused = adapt(peer, job(robot))
    assert not refused.accepted
    assert "another adaptation server answers on /madm/adapt, too" in refused.message
    answer = peer.call(Rollback, "/madm/rollback", Rollback.Request())
    assert (answer.success, answer.active_version) == (False, "base")
    assert "namespace:=front" in answer.message
    peer.node.destroy_publisher(other)
    wait_until(lambda: not server._rival, "the end of the complaint")
