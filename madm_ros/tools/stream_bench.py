# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How many labels a second come out of the node, by image size, rate and the camera's reliability.

    python -m madm_ros.tools.stream_bench --seconds 5 --repeat 3

Three processes, as on a robot: a camera, the node with a network that takes no time, and this one, which counts labels.
Prints a table in Markdown, with the node listening best effort whatever comes, and as reliably as the camera publishes.
"""

from __future__ import annotations

import argparse
import array
import multiprocessing
import os
import statistics
import sys
import time
from multiprocessing.connection import Connection

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from madm_ros.tools.node_bench import InstantSegmenter

STREAMS = ((640, 512, 30), (640, 512, 60), (1280, 1024, 30), (1920, 1080, 30))
"""Width and height of the mono16 images, images a second."""
SUBSCRIPTIONS = ("best_effort", "best_available")
"""Before, and now."""
_CONNECT_S = 60.0
_SETTLE_S = 1.0


def _run_node(reliability: str) -> None:
    """The node's process."""
    from madm_ros.running import ros_process
    from madm_ros.segmentation.node import SegmentationNode

    with ros_process("stream_bench", []) as nodes:
        override = Parameter("qos_overrides./image.subscription.reliability", value=reliability)
        node = SegmentationNode(lambda *_: InstantSegmenter(), parameter_overrides=[override])
        nodes.append(node)
        node.bring_up()
        rclpy.spin(node)


def _run_camera(orders: Connection) -> None:
    """The camera's process: publishes each stream that is ordered until the next order comes, and ends at None."""
    rclpy.init(args=[])
    node = rclpy.create_node("camera")
    while (order := orders.recv()) is not None:
        _publish(node, *order, orders)
    node.destroy_node()
    rclpy.try_shutdown()


def _publish(node: Node, stream: tuple[int, int, int], reliable: bool, orders: Connection) -> None:
    width, height, rate = stream
    reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    publisher = node.create_publisher(Image, "/image", QoSProfile(depth=5, reliability=reliability))
    pixels = np.random.default_rng(0).integers(0, 256, 2 * width * height, np.uint8)
    message = Image(height=height, width=width, encoding="mono16", step=2 * width, data=array.array("B", bytes(pixels)))
    message.header.frame_id = _frame_id(stream, reliable)
    count, started = 0, time.monotonic()
    while not orders.poll(max(0.0, started + count / rate - time.monotonic())):
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)
        count += 1
    node.destroy_publisher(publisher)


def _frame_id(stream: tuple[int, int, int], reliable: bool) -> str:
    """By which a stream's labels are told from those of the one before."""
    return f"{stream} {reliable}"


def _labels_a_second(
    peer: Node, camera: Connection, stream: tuple[int, int, int], reliable: bool, seconds: float, repeat: int
) -> list[float]:
    """Labels of one stream in each run; the first run begins a second after the first label."""
    times: list[float] = []
    frame_id = _frame_id(stream, reliable)
    subscription = peer.create_subscription(
        Image,
        "/segmentation_node/labels",
        lambda labels: times.append(time.monotonic()) if labels.header.frame_id == frame_id else None,
        5,
    )
    camera.send((stream, reliable))
    deadline = time.monotonic() + _CONNECT_S
    while not times and time.monotonic() < deadline:
        rclpy.spin_once(peer, timeout_sec=0.05)
    begin = time.monotonic() + _SETTLE_S
    while time.monotonic() < begin + seconds * repeat:
        rclpy.spin_once(peer, timeout_sec=0.05)
    peer.destroy_subscription(subscription)
    return [
        sum(begin + run * seconds <= at < begin + (run + 1) * seconds for at in times) / seconds
        for run in range(repeat)
    ]


def measure(seconds: float, repeat: int, streams: tuple[tuple[int, int, int], ...] = STREAMS) -> list[str]:
    """The rows of the table.

    Args:
        seconds: of each run.
        repeat: runs, of which the median counts.
        streams: as `STREAMS`.
    """
    spawn = multiprocessing.get_context("spawn")
    orders, theirs = spawn.Pipe()
    camera = spawn.Process(target=_run_camera, args=(theirs,), daemon=True)
    camera.start()
    rclpy.init(args=[])
    peer = rclpy.create_node("stream_bench")
    results: dict[tuple[object, ...], float] = {}
    for reliability in SUBSCRIPTIONS:
        node = spawn.Process(target=_run_node, args=(reliability,), daemon=True)
        node.start()
        deadline = time.monotonic() + _CONNECT_S
        while not peer.count_publishers("/segmentation_node/labels"):
            if not node.is_alive() or time.monotonic() > deadline:
                sys.exit("stream_bench: the node cannot be reached, see its message above if there is one")
            rclpy.spin_once(peer, timeout_sec=0.1)
        for stream in streams:
            for reliable in (True, False):
                rates = _labels_a_second(peer, orders, stream, reliable, seconds, repeat)
                results[stream, reliable, reliability] = statistics.median(rates)
        node.terminate()
        node.join()
    orders.send(None)
    camera.join()
    peer.destroy_node()
    rclpy.try_shutdown()
    rows = ["| mono16 | camera | best-effort subscription | as the camera publishes |", "| --- | --- | --- | --- |"]
    for stream in streams:
        for reliable in (True, False):
            before, now = (results[stream, reliable, reliability] for reliability in SUBSCRIPTIONS)
            width, height, rate = stream
            kind = "reliable" if reliable else "best effort"
            rows.append(f"| {width}x{height} at {rate} Hz | {kind} | {before:.1f} | {now:.1f} |")
    return rows


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m madm_ros.tools.stream_bench", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each kind; the median counts")
    options = parser.parse_args()
    # Not to meet a node that runs on this machine already.
    os.environ["ROS_DOMAIN_ID"] = str(os.getpid() % 101)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    print("\n".join(measure(options.seconds, options.repeat)))


if __name__ == "__main__":
    main()
