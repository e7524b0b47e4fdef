# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Transitions, also failing ones, as a lifecycle manager sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from ros_helpers import FakeSegmenter, image_message, wait_until
from sensor_msgs.msg import Image
from vision_msgs.msg import LabelInfo

from madm_model.labels import STREET_9, STREET_11
from madm_model.model_config import ModelError


class Factory:
    """Makes fake segmenters and remembers them; refuses models named 'missing...' and devices named 'cuda'."""

    def __init__(self) -> None:
        self.made: list[FakeSegmenter] = []

    def __call__(self, model: str, device: str, precision: str, runtime: str) -> FakeSegmenter:
        if model.startswith("missing"):
            raise ModelError(f"{model} is not a model folder: it has no config.json")
        if device == "cuda":
            raise RuntimeError("no CUDA device is here: set device to cpu or auto")
        self.made.append(FakeSegmenter())
        return self.made[-1]


def _change(peer, label: str) -> bool:
    request = ChangeState.Request()
    request.transition.label = label
    return peer.call(ChangeState, "/segmentation_node/change_state", request).success


def _state(peer) -> str:
    return peer.call(GetState, "/segmentation_node/get_state", GetState.Request()).current_state.label


@pytest.mark.parametrize(
    ("parameter", "value", "fixed", "message"),
    [
        ("model", "missing-model", "there", "missing-model is not a model folder: it has no config.json"),
        ("device", "cuda", "cpu", "no CUDA device is here: set device to cpu or auto"),
    ],
)
def test_configure_fails_with_one_message_and_succeeds_once_corrected(
    peer, start_node, errors, parameter, value, fixed, message
) -> None:
    factory = Factory()
    node = start_node(factory, bring_up=False, **{parameter: value})
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    assert not _change(peer, "configure")
    assert _state(peer) == "unconfigured"
    wait_until(errors, "an error in the log")
    assert errors() == [f"cannot configure: {message}"]
    wait_until(lambda: reports and reports[-1].status[0].level == DiagnosticStatus.ERROR, "an error in the diagnostics")
    assert message in reports[-1].status[0].message
    (result,) = node.set_parameters([Parameter(parameter, value=fixed)])
    assert result.successful
    assert _change(peer, "configure")
    assert _change(peer, "activate")
    assert _state(peer) == "active"
    wait_until(lambda: reports[-1].status[0].level != DiagnosticStatus.ERROR, "the error to go from the diagnostics")


def test_deactivate_releases_the_segmenter_and_activate_loads_it_again(peer, start_node) -> None:
    factory = Factory()
    start_node(factory)
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, image_message(np.zeros((8, 8), np.uint8), "mono8", stamp_s=1), lambda: labels)
    assert _change(peer, "deactivate")
    assert _state(peer) == "inactive"
    assert factory.made[0].closed
    wait_until(lambda: peer.node.count_subscribers("/image") == 0, "the subscription to go")
    assert _change(peer, "activate")
    again = image_message(np.zeros((8, 8), np.uint8), "mono8", stamp_s=2)
    peer.send(publisher, again, lambda: labels[-1].header.stamp.sec == 2, "labels after activating again")
    assert [segmenter.closed for segmenter in factory.made] == [True, False]


def test_activate_fails_when_the_model_has_gone_and_the_node_stays_inactive(peer, start_node, errors) -> None:
    factory, gone = Factory(), []

    def load(model: str, device: str, precision: str, runtime: str) -> FakeSegmenter:
        return factory("missing" if gone else model, device, precision, runtime)

    start_node(load)
    assert _change(peer, "deactivate")
    gone.append(True)
    assert not _change(peer, "activate")
    assert _state(peer) == "inactive"
    wait_until(errors, "an error in the log")
    assert errors() == ["cannot activate: missing is not a model folder: it has no config.json"]
    gone.clear()
    assert _change(peer, "activate")


def test_cleanup_removes_the_topics_and_another_model_can_be_configured(peer, start_node) -> None:
    factory = Factory()
    node = start_node(factory)
    wait_until(lambda: peer.node.count_publishers("/segmentation_node/labels") == 1, "the labels topic")
    assert _change(peer, "deactivate")
    assert _change(peer, "cleanup")
    assert _state(peer) == "unconfigured"
    wait_until(lambda: peer.node.count_publishers("/segmentation_node/labels") == 0, "the labels topic to go")
    (result,) = node.set_parameters([Parameter("model", value="another")])
    assert result.successful
    assert _change(peer, "configure")
    assert _change(peer, "activate")
    assert len(factory.made) == 2


def test_shutdown_from_active_releases_everything(peer, start_node) -> None:
    factory = Factory()
    start_node(factory)
    assert _change(peer, "shutdown")
    assert _state(peer) == "finalized"
    assert factory.made[0].closed


def test_a_network_that_fails_to_warm_up_is_released(peer, start_node, errors) -> None:
    class Failing(FakeSegmenter):
        def warm_up(self, height: int, width: int) -> None:
            raise RuntimeError("out of memory")

    segmenter = Failing()
    start_node(segmenter, bring_up=False)
    assert not _change(peer, "configure")
    assert segmenter.closed


def test_what_fails_while_deactivating_leaves_the_node_unconfigured_and_everything_released(
    peer, start_node, errors
) -> None:
    class Stuck(FakeSegmenter):
        def close(self) -> None:
            super().close()
            raise RuntimeError("the driver does not answer")

    made = [Stuck(), FakeSegmenter()]
    stuck = made[0]
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    node = start_node(lambda *_: made.pop(0))
    assert not _change(peer, "deactivate")
    assert _state(peer) == "unconfigured"
    assert stuck.closed
    wait_until(errors, "an error in the log")
    assert errors() == ["cannot deactivate: the driver does not answer"]
    wait_until(lambda: reports and reports[-1].status[0].level == DiagnosticStatus.ERROR, "an error in the diagnostics")
    values = {item.key: item.value for item in reports[-1].status[0].values}
    assert values["state"] == "unconfigured"
    assert node.count_subscribers("/image") == 0
    assert _change(peer, "configure")
    assert _change(peer, "activate")
    assert _state(peer) == "active"


def test_the_class_map_is_that_of_the_version_that_is_activated(peer, start_node) -> None:
    class Other(FakeSegmenter):
        def __init__(self) -> None:
            super().__init__()
            self.config = replace(self.config, label_set=STREET_11)

    made = [FakeSegmenter(), Other()]
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    maps = peer.collect(LabelInfo, "/segmentation_node/label_info", latched)
    start_node(lambda *_: made.pop(0))
    wait_until(lambda: maps and len(maps[-1].class_map) == len(STREET_9), "the class map")
    assert _change(peer, "deactivate")
    assert _change(peer, "activate")
    wait_until(lambda: len(maps[-1].class_map) == len(STREET_11), "the new class map")
