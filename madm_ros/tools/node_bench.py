# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the node costs beside the network: message in to message out, with a network that takes no time.

    python -m madm_ros.tools.node_bench --width 640 --height 480

Two processes, as on a robot: this one publishes one image at a time and waits for its labels. The last line on stdout
is one JSON object.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from madm_model.architecture import TINY
from madm_model.labels import STREET_9
from madm_model.model_config import ModelConfig
from madm_ros.image_conversion import to_image_message

WARM_UP_FRAMES = 20


class InstantSegmenter:
    """Answers with images made beforehand, of the size of the input."""

    def __init__(self) -> None:
        self.config = ModelConfig("instant", TINY, STREET_9, "thermal", (64, 64), keep_aspect=True)
        self.device = SimpleNamespace(type="cpu")
        self.runtime = "none"
        self.largest_batch = 1
        self._answers: dict[tuple[int, int], list[Any]] = {}

    def segment(self, images: list[np.ndarray]) -> list[Any]:
        """The same result for every image of a size."""
        size = images[0].shape[:2]
        if size not in self._answers:
            labels, confidence = np.zeros(size, np.uint8), np.full(size, 255, np.uint8)
            self._answers[size] = [SimpleNamespace(labels=labels, confidence=confidence)]
        return self._answers[size]

    def warm_up(self, height: int, width: int) -> None:
        """Nothing to warm."""

    def close(self) -> None:
        """Nothing to give back."""


def instant_segmenter(*_: str) -> InstantSegmenter:
    """As a node's factory."""
    return InstantSegmenter()


def _run_node() -> None:
    """The node's process."""
    from madm_ros.segmentation.node import SegmentationNode

    rclpy.init(args=[])
    node = SegmentationNode(instant_segmenter)
    node.bring_up()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


def measure(
    width: int, height: int, frames: int, is_node_alive: Callable[[], bool], timeout_s: float = 60.0
) -> dict[str, Any]:
    """Time images through the node of another process.

    Args:
        width: columns of the mono8 images.
        height: rows.
        frames: how many to time, after `WARM_UP_FRAMES`.
        is_node_alive: false once the node's process has ended.
        timeout_s: how long to wait for labels.

    Returns:
        `round_trip_ms`: from publishing the image to the labels' callback, both ways over DDS included;
        `inside_node_ms`: from the image's callback to the labels' publication, as the node reports it.

    Raises:
        RuntimeError: the node ended, or does not answer.
    """
    rclpy.init(args=[])
    peer = rclpy.create_node("node_bench")
    answers: list[float] = []
    reports: list[DiagnosticArray] = []
    peer.create_subscription(Image, "/segmentation_node/labels", lambda _: answers.append(time.perf_counter()), 1)
    peer.create_subscription(DiagnosticArray, "/diagnostics", reports.append, 10)
    publisher = peer.create_publisher(Image, "/image", 1)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), np.uint8)
    message = to_image_message(pixels, "mono8", Header(frame_id="bench"))

    deadline = time.monotonic() + timeout_s
    times: list[float] = []
    try:
        while len(times) < WARM_UP_FRAMES + frames:
            if not is_node_alive():
                raise RuntimeError("the node ended: see its message above")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the node gave no labels for {timeout_s:.0f} s")
            answers.clear()
            sent = time.perf_counter()
            publisher.publish(message)
            patience = time.monotonic() + 1.0
            while not answers and time.monotonic() < patience:
                rclpy.spin_once(peer, timeout_sec=0.1)
            if answers:
                times.append(1000 * (answers[0] - sent))
                deadline = time.monotonic() + timeout_s
        inside = _reported_total(reports)
    finally:
        peer.destroy_node()
        rclpy.try_shutdown()
    timed = sorted(times[WARM_UP_FRAMES:])
    return {
        "width": width,
        "height": height,
        "frames": frames,
        "round_trip_ms": {
            "median": round(statistics.median(timed), 3),
            "p95": round(timed[int(0.95 * (len(timed) - 1))], 3),
        },
        "inside_node_ms": {"mean": inside},
    }


def _reported_total(reports: list[DiagnosticArray]) -> float | None:
    """Mean time inside the node from its last report with frames; None if it was faster than its first report."""
    for report in reversed(reports):
        value = {item.key: item.value for item in report.status[0].values}["total mean [ms]"]
        if value != "-":
            return float(value)
    return None


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m madm_ros.tools.node_bench", description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--frames", type=int, default=500)
    options = parser.parse_args()
    # Not to meet a node that runs on this machine already.
    os.environ["ROS_DOMAIN_ID"] = str(os.getpid() % 101)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    node = multiprocessing.get_context("spawn").Process(target=_run_node)
    node.start()
    try:
        result = measure(options.width, options.height, options.frames, node.is_alive)
    except RuntimeError as error:
        sys.exit(f"node_bench: {error}")
    finally:
        node.terminate()
        node.join(10)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
