# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The bond with nav2's lifecycle manager, from activation to deactivation, with a stand-in of bondpy's interface."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from lifecycle_msgs.srv import ChangeState
from ros_helpers import FakeSegmenter


class StandIn:
    """What `ManagerBond` uses of bondpy.bondpy.Bond, which refuses a change of its periods once it has started."""

    made: list[StandIn]

    def __init__(self, node: Any, topic: str, bond_id: str, on_broken: Any = None, on_formed: Any = None) -> None:
        self.__dict__.update(topic=node.resolve_topic_name(topic), id=bond_id, state="made")
        self.made.append(self)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in ("heartbeat_period", "heartbeat_timeout")
        assert self.state == "made"
        self.__dict__[name] = value

    def start(self) -> None:
        self.__dict__["state"] = "started"

    def shutdown(self) -> None:
        assert self.state == "started"
        self.__dict__["state"] = "shut down"


@pytest.fixture
def bonds(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    """Those that nodes have made since the test began."""
    StandIn.made = []
    module = ModuleType("bondpy.bondpy")
    module.Bond = StandIn
    monkeypatch.setitem(sys.modules, "bondpy", ModuleType("bondpy"))
    monkeypatch.setitem(sys.modules, "bondpy.bondpy", module)
    return StandIn.made


def _change(peer: Any, *labels: str) -> None:
    for label in labels:
        request = ChangeState.Request()
        request.transition.label = label
        assert peer.call(ChangeState, "/segmentation_node/change_state", request).success


def test_a_bond_is_formed_on_activate_and_broken_on_deactivate(peer, start_node, bonds) -> None:
    node = start_node(bring_up=False, autostart=False, bond_heartbeat_period=0.5)
    _change(peer, "configure")
    assert bonds == []
    _change(peer, "activate")
    (bond,) = bonds
    assert (bond.topic, bond.id, bond.state, bond.heartbeat_period) == ("/bond", "segmentation_node", "started", 0.5)
    _change(peer, "deactivate")
    assert bond.state == "shut down"
    _change(peer, "activate")
    assert [bond.state for bond in bonds] == ["shut down", "started"]
    node.destroy_node()
    assert [bond.state for bond in bonds] == ["shut down", "shut down"]


@pytest.mark.parametrize("parameters", [{"autostart": True}, {"autostart": False, "bond_heartbeat_period": 0.0}])
def test_none_is_formed_where_nobody_manages_or_none_is_wanted(start_node, bonds, parameters) -> None:
    start_node(**parameters)
    assert bonds == []


def test_without_bondpy_the_node_is_active_and_says_what_to_do(start_node, monkeypatch, capfd) -> None:
    monkeypatch.setitem(sys.modules, "bondpy", None)
    start_node(autostart=False)  # and brought up, which succeeds
    assert "bondpy is not installed, so that no bond is formed" in capfd.readouterr().err


def test_an_activation_that_fails_leaves_no_bond(start_node, bonds) -> None:
    made: list[FakeSegmenter] = []

    def once(*_: Any) -> FakeSegmenter:
        if made:
            raise RuntimeError("the model has gone")
        made.append(FakeSegmenter())
        return made[0]

    node = start_node(once, autostart=False)
    node.trigger_deactivate()
    node.trigger_activate()
    assert [bond.state for bond in bonds] == ["shut down"]
