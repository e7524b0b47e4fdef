# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Files that name parts of the graph (diagnostics' groups, security policies) name what running nodes have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")
pytest.importorskip("event_camera_msgs.msg", reason="event_camera_msgs is not installed")
pytest.importorskip("madm_msgs.msg", reason="madm_msgs is not built")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph_samples import whole_graph
from ros_helpers import Peer, wait_until

from madm_ros.robot.config import read_robot, recorder_name

ROOT = Path(__file__).resolve().parents[3]
KINDS = {"segmentation", "events", "cloud labels", "recording", "adaptation"}


@pytest.fixture(scope="module")
def graph(ros: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """All nodes of the launch files of one camera, and a peer that sees them."""
    with whole_graph(ros, tmp_path_factory.mktemp("graph")) as peer:
        yield peer


@pytest.fixture(scope="module")
def statuses(graph: Peer) -> dict[str, DiagnosticStatus]:
    """What every node says on /diagnostics, by name."""
    reports = graph.collect(DiagnosticArray, "/diagnostics", 100)

    def latest() -> dict[str, DiagnosticStatus]:
        return {status.name: status for report in list(reports) for status in report.status}

    wait_until(lambda: len(latest()) == 8, "a report of every node", 40.0)
    return latest()


def names_of_the_robot() -> set[str]:
    """Of the statuses of config/robot.yaml, with its servers and recorders."""
    robot = read_robot(ROOT / "config" / "robot.yaml")
    names = set()
    for camera in robot.cameras:
        *edges, label = camera.node_names
        names |= {f"{edge}: events" for edge in edges}
        names |= {f"{label}: segmentation", f"{recorder_name(camera)}: recording"}
    names = {f"/{robot.namespace}/{name}" for name in names}
    servers = {robot.server_namespace(cameras).strip("/") for cameras in robot.cameras_by_store().values()}
    return names | {f"/{server}/adapt_server: adaptation" for server in servers}


def test_each_status_is_in_one_group_of_the_aggregator_and_each_group_has_its_statuses(statuses) -> None:
    """Names as `GenericAnalyzer` compares them: those that begin with one of `startswith`."""
    given = yaml.safe_load((ROOT / "config" / "diagnostics_aggregator.yaml").read_text())
    groups = given["analyzers"]["ros__parameters"]
    assert groups.pop("path") == "madm"
    assert {group["type"] for group in groups.values()} == {"diagnostic_aggregator/GenericAnalyzer"}
    names = {name for name in statuses if "of_depth" not in name} | names_of_the_robot()
    assert {name.split(": ")[1] for name in statuses} == KINDS
    beginnings = [beginning for group in groups.values() for beginning in group["startswith"]]
    for name in names:
        assert len([one for one in beginnings if name.startswith(one)]) == 1, name
    unused = [one for one in beginnings if not any(name.startswith(one) for name in names)]
    assert unused == []


def test_each_status_tells_what_its_node_works_with(statuses) -> None:
    assert {name: status.hardware_id for name, status in statuses.items() if not status.hardware_id} == {}
