# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One run of the demo's node: started, played to, recorded and ended."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from madm_ros.image_conversion import to_frame

NAMESPACE = "/madm"
NODE_START_TIMEOUT_S = 300.0
"""The first start on a machine compiles the network in several runtimes, and measures them."""
PLAY_TIMEOUT_S = 600.0


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


@dataclass
class Recorded:
    """What came back from the node."""

    labels: dict[int, np.ndarray] = field(default_factory=dict)
    """Stamp in nanoseconds to label image, uint8 (H, W)."""
    arrivals: list[float] = field(default_factory=list)
    """When each came, seconds on a steady clock."""
    report: dict[str, str] = field(default_factory=dict)
    """The node's last diagnostics while it was at work."""
    complaint: str = ""
    """The node's last error."""

    @property
    def fps(self) -> float:
        """Label images a second, from the first to the last."""
        return (len(self.arrivals) - 1) / (self.arrivals[-1] - self.arrivals[0])


@dataclass(frozen=True)
class NodeCommand:
    """A program with a segmentation node in it, and what it is started with."""

    module: str
    """Python module of the program."""
    name: str
    """Full name of its segmentation node."""
    arguments: tuple[str, ...]
    """ROS arguments."""


def node_command(modality: str, model: str, topics: Sequence[str]) -> NodeCommand:
    """The program that segments a modality, as its launch file starts it.

    Args:
        modality: thermal, depth, rgb or event.
        model: name or folder; empty for the node's default.
        topics: the image topic; for event the one of events and an image topic to make edge frames in step with.
    """
    parameters = {"modality": modality} | ({"model": model} if model else {})
    remappings = {"__ns": NAMESPACE}
    if modality == "event":
        module, name = "madm_ros.events.seg", "event_seg"  # which names its nodes itself
        # In step with the images, whose stamps the truth bears; patient with images that come late.
        parameters |= {"edges.window": "stamps", "edges.lookback_s": "1.0"}
        remappings |= {"events": topics[0], "reference_image": topics[1]}
    else:
        module, name = "madm_ros.segmentation.node", "demo_seg"
        remappings |= {"__node": name, "image": topics[0]}
    arguments = [f"-p {key}:={value}" for key, value in parameters.items()]
    arguments += [f"-r {key}:={value}" for key, value in remappings.items()]
    return NodeCommand(
        module, f"{NAMESPACE}/{name}", tuple(part for argument in arguments for part in argument.split(" ", 1))
    )


class DemoRecorder(Node):
    """Keeps the labels and the diagnostics of a segmentation node.

    Args:
        node_name: its full name.
    """

    def __init__(self, node_name: str) -> None:
        super().__init__("demo_recorder")
        self._node_name = node_name
        self.recorded = Recorded()
        self.node_is_active = False
        every_message = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        self.create_subscription(Image, f"{node_name}/labels", self._on_labels, every_message)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def _on_labels(self, message: Image) -> None:
        frame = to_frame(message)
        self.recorded.labels[frame.stamp_ns] = frame.array.copy()
        self.recorded.arrivals.append(time.monotonic())

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(self._node_name):
                report = {item.key: item.value for item in status.values}
                self.node_is_active = report["state"] == "active"
                if report["inference mean [ms]"] != "-":
                    self.recorded.report = report
                if int(report["errors"]):
                    self.recorded.complaint = status.message


def play_to_node(bag: Path, topics: Sequence[str], modality: str, model: str, rate: float) -> Recorded:
    """Start the node, play its topics of a bag to it and record what it publishes.

    Args:
        bag: a bag.
        topics: as in `node_command`.
        modality: as in `node_command`.
        model: as in `node_command`.
        rate: playing speed, 1 is as recorded.

    Raises:
        DemoError: the node or the player ended, or no labels came.
    """
    command = node_command(modality, model, topics)
    rclpy.init()
    recorder = DemoRecorder(command.name)
    node = _start(command.module, "--ros-args", *command.arguments)
    player = None
    try:
        _spin(recorder, node, lambda: recorder.node_is_active, NODE_START_TIMEOUT_S, "the node did not get active")
        options = ["--topics", *topics, "--rate", str(rate), "--wait-for-subscribers", "30"]
        player = _start("madm_ros.tools.bag_player", str(bag), *options)
        _spin(recorder, node, lambda: player.poll() is not None, PLAY_TIMEOUT_S, "playing did not end")
        if player.returncode:
            raise DemoError("the drive could not be played: see the message above")
        played = time.monotonic()
        # The last frame may still be in work.
        _spin(recorder, node, lambda: time.monotonic() > played + 2.0, 10.0, "")
    finally:
        for process in (player, node):
            if process is not None:
                _end(process)
        recorder.destroy_node()
        rclpy.try_shutdown()
    if len(recorder.recorded.labels) < 2:
        raise DemoError(f"the node published no labels; {recorder.recorded.complaint}")
    return recorder.recorded


def _spin(
    recorder: DemoRecorder, node: subprocess.Popen, done: Callable[[], bool], timeout_s: float, complaint: str
) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        if node.poll() is not None:
            raise DemoError("the segmentation node ended: see its message above")
        if time.monotonic() > deadline:
            raise DemoError(f"{complaint} within {timeout_s:.0f} s; {recorder.recorded.complaint}")
        rclpy.spin_once(recorder, timeout_sec=0.1)


def _start(module: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", module, *arguments])


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
