# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Several cameras of one model: labels a second and memory, in one process and in as many processes.

    python -m madm_ros.tools.camera_bench --cameras 1 2 4 --seconds 10 --repeat 3

One more process publishes the images of all cameras, and this one counts labels. Prints a table in Markdown. On a
machine that has other things to do, the processor's time that a label takes says more than the labels a second.
"""

from __future__ import annotations

import argparse
import array
import multiprocessing
import os
import re
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from madm_ros.segmentation.loading import SegmenterFactory, load_segmenter

_START_S = 600.0
"""For processes to load their weights on a busy machine."""
_SETTLE_S = 2.0
_COLUMNS = (
    "cameras",
    "processes",
    "labels a second",
    "of the slowest camera",
    "processor's time a label, ms",
    "memory, MiB",
    "of one camera's",
)


@dataclass(frozen=True)
class Load:
    """What the cameras send, and what segments it."""

    model: str = ""
    """Model folder or name; empty: the embedded one for thermal."""
    runtime: str = "auto"
    """What runs it."""
    size: tuple[int, int] = (320, 256)
    """Width and height of the mono16 images."""
    rate: float = 30.0
    """Images a second of each camera."""
    segmenter_factory: SegmenterFactory = load_segmenter
    """Makes the segmenter."""


@dataclass(frozen=True)
class Measurement:
    """Of one way to run some cameras."""

    labels_a_second: float
    """Of all cameras together."""
    slowest: float
    """Of the camera with the fewest."""
    cpu_ms: float
    """Of all node processes, for each label."""
    memory_mib: float
    """Of all node processes together, pages that they share counted once."""


def _run_nodes(names: Sequence[str], load: Load) -> None:
    """A process of nodes, which share the network."""
    from madm_ros.running import ros_process
    from madm_ros.segmentation.node import SegmentationNode
    from madm_ros.sharing.shared_networks import SharedNetworks

    with ros_process("camera_bench", []) as nodes:
        networks, executor = SharedNetworks(), SingleThreadedExecutor()
        values = {"model": load.model, "runtime": load.runtime}
        for name in names:
            node = SegmentationNode(
                load.segmenter_factory,
                networks=networks,
                cli_args=["--ros-args", "-r", f"__node:={name}", "-r", f"image:=/{name}/image"],
                parameter_overrides=[Parameter(key, value=value) for key, value in values.items()],
            )
            nodes.append(node)
            node.bring_up()
            executor.add_node(node)
        executor.spin()


def _run_cameras(names: Sequence[str], load: Load, end: Connection) -> None:
    """The process that publishes the images of all cameras, until there is something at the connection."""
    rclpy.init(args=[])
    node = rclpy.create_node("cameras")
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    publishers = [node.create_publisher(Image, f"/{name}/image", qos) for name in names]
    width, height = load.size
    pixels = np.random.default_rng(0).integers(0, 2**14, width * height).astype("<u2")
    data = array.array("B", pixels.tobytes())
    message = Image(height=height, width=width, encoding="mono16", step=2 * width, data=data)
    started, count = time.monotonic(), 0
    while not end.poll():
        message.header.stamp = node.get_clock().now().to_msg()
        for publisher in publishers:
            publisher.publish(message)
        count += 1
        time.sleep(max(0.0, started + count / load.rate - time.monotonic()))
    node.destroy_node()
    rclpy.try_shutdown()


def measure(cameras: int, processes: int, load: Load, seconds: float, repeat: int) -> Measurement:
    """Run cameras, and count their labels.

    Args:
        cameras: how many.
        processes: 1, or one for each camera.
        load: what they send.
        seconds: of each run.
        repeat: runs; the median counts.

    Raises:
        RuntimeError: a node's process ended, or gives no labels.
    """
    spawn = multiprocessing.get_context("spawn")
    names = [f"camera{number}" for number in range(cameras)]
    parts = [names] if processes == 1 else [[name] for name in names]
    nodes = [spawn.Process(target=_run_nodes, args=(part, load), daemon=True) for part in parts]
    ours, theirs = spawn.Pipe()
    source = spawn.Process(target=_run_cameras, args=(names, load, theirs), daemon=True)
    for process in (*nodes, source):
        process.start()
    rclpy.init(args=[])
    peer = rclpy.create_node("camera_bench")
    times: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        came = times[name]
        peer.create_subscription(Image, f"/{name}/labels", lambda _, came=came: came.append(time.monotonic()), 5)
    try:
        _spin_until(peer, nodes, lambda: all(len(came) > 1 for came in times.values()))
        _spin_for(peer, _SETTLE_S)
        runs = [_count(peer, nodes, times, seconds) for _ in range(repeat)]
        memory = sum(_pss_mib(process.pid) for process in nodes)
    finally:
        ours.send(None)
        peer.destroy_node()
        rclpy.try_shutdown()
        for process in (*nodes, source):
            process.terminate()
            process.join()
    rates = [statistics.median(values) for values in zip(*(rates for rates, _ in runs))]
    return Measurement(sum(rates), min(rates), statistics.median(cpu_ms for _, cpu_ms in runs), memory)


def _count(
    peer: Node, nodes: Sequence[BaseProcess], times: dict[str, list[float]], seconds: float
) -> tuple[list[float], float]:
    """Labels a second of each camera, and the milliseconds of the processor that each label took."""
    for came in times.values():
        came.clear()
    started, cpu_s = time.monotonic(), sum(_cpu_s(process.pid) for process in nodes)
    _spin_for(peer, seconds)
    ended, labels = time.monotonic(), [len(came) for came in times.values()]
    cpu_ms = 1000 * (sum(_cpu_s(process.pid) for process in nodes) - cpu_s) / max(1, sum(labels))
    return [count / (ended - started) for count in labels], cpu_ms


def _spin_for(peer: Node, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        rclpy.spin_once(peer, timeout_sec=0.05)


def _spin_until(peer: Node, nodes: Sequence[BaseProcess], condition: Any) -> None:
    deadline = time.monotonic() + _START_S
    while not condition():
        if not all(process.is_alive() for process in nodes):
            raise RuntimeError("a node's process ended: see its message above")
        if time.monotonic() > deadline:
            raise RuntimeError(f"no labels of all cameras for {_START_S:.0f} s")
        rclpy.spin_once(peer, timeout_sec=0.1)


def _cpu_s(pid: int) -> float:
    """Processor's time that a process has taken, seconds (Linux)."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _pss_mib(pid: int) -> float:
    """Memory of a process, with its share of the pages that others use, too (Linux)."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)[1]) / 1024


def table(counts: Sequence[int], load: Load, seconds: float, repeat: int) -> list[str]:
    """The rows of the table, for these numbers of cameras; arguments as of `measure`."""
    rows = [f"| {' | '.join(_COLUMNS)} |", f"| {' | '.join('---' for _ in _COLUMNS)} |"]
    one: Measurement | None = None
    for cameras in counts:
        for processes in dict.fromkeys((1, cameras)):
            result = measure(cameras, processes, load, seconds, repeat)
            one = one or result
            cells = (
                str(cameras),
                str(processes),
                f"{result.labels_a_second:.1f}",
                f"{result.slowest:.1f}",
                f"{result.cpu_ms:.0f}",
                f"{result.memory_mib:.0f}",
                f"{result.memory_mib / one.memory_mib:.2f}x",
            )
            rows.append(f"| {' | '.join(cells)} |")
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m madm_ros.tools.camera_bench", description=__doc__.splitlines()[0])
    parser.add_argument("--cameras", type=int, nargs="+", default=[1, 2, 4], help="how many; the first is the measure")
    parser.add_argument("--model", default=Load.model, help="model folder or name; empty: the embedded one for thermal")
    parser.add_argument("--runtime", default=Load.runtime, help="what runs it")
    parser.add_argument("--width", type=int, default=Load.size[0])
    parser.add_argument("--height", type=int, default=Load.size[1])
    parser.add_argument("--rate", type=float, default=Load.rate, help="images a second of each camera")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run")
    parser.add_argument("--repeat", type=int, default=3, help="runs; the median counts")
    options = parser.parse_args()
    # Not to meet nodes that run on this machine already.
    os.environ["ROS_DOMAIN_ID"] = str(os.getpid() % 101)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    load = Load(options.model, options.runtime, (options.width, options.height), options.rate)
    try:
        print("\n".join(table(options.cameras, load, options.seconds, options.repeat)))
    except RuntimeError as error:
        sys.exit(f"camera_bench: {error}")


if __name__ == "__main__":
    main()
