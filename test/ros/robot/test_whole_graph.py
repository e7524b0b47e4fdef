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
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")
pytest.importorskip("event_camera_msgs.msg", reason="event_camera_msgs is not installed")
pytest.importorskip("madm_msgs.msg", reason="madm_msgs is not built")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from graph_samples import whole_graph
from policy_samples import FOLDER, Rules, profiles, used
from ros_helpers import Peer, wait_until
from std_msgs.msg import String

from madm_ros.adapt.client import AdaptClient
from madm_ros.robot.config import read_robot, recorder_name
from madm_ros.segmentation import manager_bond
from madm_ros.segmentation.manager_bond import SUFFIX

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


# ---- security policies ----

NODES = {
    "thermal_seg": ["thermal_seg"],
    "depth_seg": ["depth_seg"],
    "event_seg": ["event_seg", "event_edges"],
    "cloud_labels": ["cloud_labels"],
    "record": ["recorder"],
    "adapt": ["adapt_server"],
}
"""Policy, and so launch file, to the nodes of it that run."""
NOT_HERE = {"cloud_labels": {("subscribe", "/tf"), ("subscribe", "/tf_static")}}
"""What a node uses only where a distribution brings the package for it."""


def renamed(rules: Rules, before: str, after: str) -> Rules:
    """The rules of a node, and of what is below its name, under another one."""
    return {
        (verb, after + name[len(before) :] if f"{name}/".startswith(f"{before}/") else name) for verb, name in rules
    }


def real_rules(graph: Peer, name: str) -> Rules:
    """What a node of the graph uses; cloud_labels with either input."""
    rules = used(graph.node, "/madm", name)
    if name == "cloud_labels":
        rules |= renamed(used(graph.node, "/madm", "of_depth"), "/madm/of_depth", "/madm/cloud_labels")
        if find_spec("tf2_ros") is None:
            rules |= NOT_HERE[name]
    return rules


@pytest.mark.parametrize("policy", NODES)
def test_a_policy_allows_what_its_nodes_use_and_nothing_else(graph, policy: str) -> None:
    written = {name: rules for name, rules in profiles(policy).items() if not name.endswith(SUFFIX)}
    assert sorted(written) == sorted(f"/madm/{name}" for name in NODES[policy])
    for name in NODES[policy]:
        allowed = written[f"/madm/{name}"]
        wait_until(lambda name=name: real_rules(graph, name), f"the graph to know {name}")
        with suppress(AssertionError):  # what differs is told below
            wait_until(lambda name=name, allowed=allowed: real_rules(graph, name) == allowed, "discovery", 15.0)
        uses = real_rules(graph, name)
        assert (sorted(uses - allowed), sorted(allowed - uses)) == ([], [])


def test_the_policy_of_a_robot_has_its_nodes_as_those_of_one_camera_under_its_names() -> None:
    robot = read_robot(ROOT / "config" / "robot.yaml")
    written = {name: rules for name, rules in profiles("robot").items() if not name.endswith(SUFFIX)}

    def expected(policy: str, single: str, name: str, inputs: set[str]) -> None:
        rules = renamed(profiles(policy)[f"/madm/{single}"], f"/madm/{single}", name)
        keep = {(verb, topic) for verb, topic in rules if verb != "subscribe" or topic in ("/clock", "/diagnostics")}
        assert written.pop(name) == keep | {("subscribe", topic) for topic in inputs}

    for camera in robot.cameras:
        name, topics = f"/madm/{camera.name}", dict(camera.topics)
        single, info = f"{camera.modality}_seg", topics.pop("camera_info")
        source = {topics.get("image") or topics["events"]}
        if camera.modality == "event":
            expected("event_seg", "event_edges", f"{name}_edges", set(topics.values()))
            expected("event_seg", single, name, {info})
        else:
            expected(single, single, name, {info, *topics.values()})
        expected("record", "recorder", f"/madm/{recorder_name(camera)}", source)
    for cameras in robot.cameras_by_store().values():
        namespace = f"/{robot.server_namespace(cameras)}"
        rules = renamed(profiles("adapt")["/madm/adapt_server"], "/madm", namespace)
        assert written.pop(f"{namespace}/adapt_server") == rules
    assert written == {}


def test_each_node_that_has_a_lifecycle_may_have_its_bond(ros) -> None:
    class StandIn:
        def __init__(self, node: Any, topic: str, bond_id: str) -> None:
            self.ends = node.create_publisher(String, topic, 1), node.create_subscription(String, topic, print, 1)

        def start(self) -> None:
            pass

        shutdown = start

    peer = Peer(ros)
    node = rclpy.create_node("thermal_seg", namespace="/madm_bond", use_global_arguments=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manager_bond, "bond_class", lambda: StandIn)
        bond = manager_bond.ManagerBond(node, 0.25)
    allowed = renamed(profiles("thermal_seg")[f"/madm/thermal_seg{SUFFIX}"], "/madm", "/madm_bond")
    with suppress(AssertionError):
        wait_until(lambda: used(peer.node, "/madm_bond", f"thermal_seg{SUFFIX}") == allowed, "discovery", 15.0)
    uses = used(peer.node, "/madm_bond", f"thermal_seg{SUFFIX}")
    bond.close()
    node.destroy_node()
    peer.close()
    assert uses == allowed
    for policy in ("thermal_seg", "depth_seg", "event_seg", "robot"):
        rules = profiles(policy)
        managed = {name for name, found in rules.items() if ("reply", f"{name}/change_state") in found}
        assert {name.removesuffix(SUFFIX) for name in rules if name.endswith(SUFFIX)} == managed
        for name in managed:
            assert rules[f"{name}{SUFFIX}"] == renamed(
                profiles("thermal_seg")[f"/madm/thermal_seg{SUFFIX}"], "/madm/thermal_seg_bond", f"{name}{SUFFIX}"
            )


def test_the_operator_may_ask_the_server_for_all_that_it_answers(graph, ros) -> None:
    client = AdaptClient(context=ros)
    (rules,) = profiles("operator").values()
    # Services are asked for as they are called.
    served = {
        name for verb, name in profiles("adapt")["/madm/adapt_server"] if verb == "reply" and "server/" not in name
    }
    requests = {("request", name) for name in served - {"/madm/adapt"}}  # the action is there for that
    try:
        with suppress(AssertionError):
            wait_until(lambda: used(graph.node, "/madm", "adapt_client") | requests == rules, "discovery", 15.0)
        assert used(graph.node, "/madm", "adapt_client") | requests == rules
    finally:
        client.close()


def test_each_launch_file_has_its_policy() -> None:
    launch_files = {path.name.removesuffix(".launch.py") for path in (ROOT / "launch").glob("*.launch.py")}
    policies = {path.name.removesuffix(".policy.xml") for path in FOLDER.glob("*.policy.xml")}
    assert policies == {*launch_files, "operator"}
