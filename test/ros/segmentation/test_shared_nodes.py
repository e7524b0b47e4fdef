# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Nodes of one process with one model: one copy of the weights, each with its own lifecycle, images and reports."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from ros_helpers import FIXED_GAIN, FakeSegmenter, image_message, pixels_of, wait_until
from sensor_msgs.msg import Image

from madm_model.checkpoint.model_names import embedded_model
from madm_model.store import BASE, VersionInfo, VersionStore
from madm_ros.segmentation.node import SegmentationNode
from madm_ros.sharing.shared_networks import SharedNetworks


class Factory:
    """Makes fake segmenters and remembers them by their model."""

    def __init__(self) -> None:
        self.made: list[tuple[str, FakeSegmenter]] = []

    def __call__(self, model: str, device: str, precision: str, runtime: str) -> FakeSegmenter:
        self.made.append((Path(model).name, FakeSegmenter()))
        return self.made[-1][1]

    @property
    def models(self) -> list[str]:
        """Of those that are not closed."""
        return sorted(name for name, segmenter in self.made if not segmenter.closed)


@pytest.fixture
def start_nodes(spin) -> Callable[..., list[SegmentationNode]]:
    """Function that makes nodes by name, with parameters of their own, in one executor."""

    def start(factory: Factory, **cameras: dict[str, Any]) -> list[SegmentationNode]:
        networks, nodes = SharedNetworks(), []
        for name, parameters in cameras.items():
            values = {**FIXED_GAIN, **parameters}
            nodes.append(
                SegmentationNode(
                    factory,
                    networks=networks,
                    parameter_overrides=[Parameter(key, value=value) for key, value in values.items()],
                    use_global_arguments=False,
                    cli_args=["--ros-args", "-r", f"__node:={name}", "-r", f"image:={name}/image"],
                )
            )
            assert nodes[-1].bring_up()
        spin(*nodes)
        return nodes

    return start


def test_two_cameras_of_one_model_have_their_labels_from_one_copy(peer, start_nodes) -> None:
    factory = Factory()
    front, rear = start_nodes(factory, front={}, rear={})
    model = embedded_model("thermal")
    assert factory.models == [model]
    labels = {name: peer.collect(Image, f"/{name}/labels") for name in ("front", "rear")}
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    for stamp_s, (name, grey) in enumerate((("front", 40), ("rear", 200)), start=1):
        publisher = peer.publisher(Image, f"/{name}/image")
        message = image_message(np.full((8, 8), grey, np.uint8), "mono8", stamp_s, f"{name}_camera")
        peer.send(publisher, message, lambda name=name: labels[name])
        assert labels[name][0].header == message.header
        assert set(pixels_of(labels[name][0]).flat) == {grey // 32}

    def told(name: str) -> dict[str, str]:
        of_it = [status for report in reports for status in report.status if status.name.startswith(f"/{name}:")]
        return {item.key: item.value for item in of_it[-1].values} if of_it else {}

    for name in ("front", "rear"):
        wait_until(lambda name=name: told(name).get("total mean [ms]", "-") != "-", "a report with frames")
        assert told(name)["cameras of this network"] == "2"
    assert front.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert factory.models == [model], "the other one still needs it"
    labels["rear"].clear()
    publisher = peer.publisher(Image, "/rear/image")
    peer.send(publisher, image_message(np.zeros((8, 8), np.uint8), "mono8", 3), lambda: labels["rear"])
    assert front.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert len(factory.made) == 1
    for node in (front, rear):
        assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert factory.models == []


def test_cameras_of_one_store_swap_together_and_the_others_stay(peer, start_nodes, tmp_path) -> None:
    stores = {name: VersionStore(tmp_path / name, tmp_path / "base") for name in ("one", "other")}
    (tmp_path / "base").mkdir()
    common = {"model": str(tmp_path / "base")}
    factory = Factory()
    start_nodes(
        factory,
        front={**common, "store": str(tmp_path / "one")},
        rear={**common, "store": f"{tmp_path}/./one"},
        side={**common, "store": str(tmp_path / "other")},
    )
    assert factory.models == ["base", "base"]
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    publishers = {name: peer.publisher(Image, f"/{name}/image") for name in ("front", "rear", "side")}

    def versions() -> dict[str, str]:
        for publisher in publishers.values():
            publisher.publish(image_message(np.zeros((8, 8), np.uint8), "mono8"))
        return {
            status.name.split(":")[0]: {item.key: item.value for item in status.values}["version"]
            for report in reports
            for status in report.status
        }

    wait_until(lambda: len(versions()) == 3, "all reports")
    stores["one"].activate(stores["one"].add(_save, _info))
    wait_until(lambda: versions() == {"/front": "v0001", "/rear": "v0001", "/side": BASE}, "the swap of one store")
    wait_until(lambda: factory.models == ["base", "v0001"], "the old version to be closed")


def _save(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")


def _info(version: str) -> VersionInfo:
    return VersionInfo(version, BASE, "job", "thermal", gate={"passed": True})
