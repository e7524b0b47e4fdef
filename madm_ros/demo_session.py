"""One run of the demo's node: started, played to, recorded and ended."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from madm_ros.image_conversion import to_frame

NODE_NAME = "/madm/demo_seg"
NODE_START_TIMEOUT_S = 120.0
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


class DemoRecorder(Node):
    """Keeps the labels and the diagnostics of the demo's node."""

    def __init__(self) -> None:
        super().__init__("demo_recorder")
        self.recorded = Recorded()
        self.node_is_active = False
        every_message = QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE)
        self.create_subscription(Image, f"{NODE_NAME}/labels", self._on_labels, every_message)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def _on_labels(self, message: Image) -> None:
        frame = to_frame(message)
        self.recorded.labels[frame.stamp_ns] = frame.array.copy()
        self.recorded.arrivals.append(time.monotonic())

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.startswith(NODE_NAME):
                report = {item.key: item.value for item in status.values}
                self.node_is_active = report["state"] == "active"
                if report["inference mean [ms]"] != "-":
                    self.recorded.report = report
                if int(report["errors"]):
                    self.recorded.complaint = status.message


def play_to_node(bag: Path, topic: str, modality: str, model: str, rate: float) -> Recorded:
    """Start the node, play one topic of a bag to it and record what it publishes.

    Args:
        bag: a bag.
        topic: its image topic.
        modality: thermal, depth or rgb.
        model: name or folder; empty for the node's default.
        rate: playing speed, 1 is as recorded.

    Raises:
        DemoError: the node or the player ended, or no labels came.
    """
    parameters = ["-p", f"modality:={modality}", *(["-p", f"model:={model}"] if model else [])]
    namespace, name = NODE_NAME.rsplit("/", 1)
    remappings = ["-r", f"__ns:={namespace}", "-r", f"__node:={name}", "-r", f"image:={topic}"]
    rclpy.init()
    recorder = DemoRecorder()
    node = _start("madm_ros.segmentation_node", "--ros-args", *parameters, *remappings)
    player = None
    try:
        _spin(recorder, node, lambda: recorder.node_is_active, NODE_START_TIMEOUT_S, "the node did not get active")
        options = ["--topics", topic, "--rate", str(rate), "--wait-for-subscribers", "30"]
        player = _start("madm_ros.bag_player", str(bag), *options)
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
