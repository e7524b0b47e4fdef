# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What tests of the node need: a quick segmenter, a second node to talk to, and messages."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from madm_model.architecture import TINY
from madm_model.labels import STREET_9
from madm_model.model_config import ModelConfig

FIXED_GAIN = {"thermal.gain": "fixed", "thermal.fixed_min": 0.0, "thermal.fixed_max": 255.0}
"""Parameters under which the network sees mono8 images as they are."""


class FakeSegmenter:
    """Class = brightness // 32, confidence = brightness."""

    def __init__(self) -> None:
        self.config = ModelConfig("fake", TINY, STREET_9, "thermal", (64, 96), keep_aspect=True)
        self.device = SimpleNamespace(type="cpu")
        self.runtime = "torch float32"
        self.largest_batch = 1
        self.closed = False
        self.images: list[np.ndarray] = []
        self.biases: list[np.ndarray | None] = []
        """Of the images since one had any."""

    def segment(self, images: list[np.ndarray], biases: Sequence[np.ndarray | None] = ()) -> list[SimpleNamespace]:
        assert not self.closed
        self.images.extend(images)
        self.biases.extend(biases)
        return [SimpleNamespace(labels=image[..., 0] // 32, confidence=image[..., 0].copy()) for image in images]

    def warm_up(self, height: int, width: int) -> None:
        pass

    def close(self) -> None:
        self.closed = True


class Spun:
    """Nodes that a thread of their own spins.

    Args:
        nodes: of one process.
        executor: what spins them; a single-threaded one by default.
    """

    def __init__(self, *nodes: Any, executor: Any = None) -> None:
        from rclpy.executors import SingleThreadedExecutor

        self._nodes, self._executor = nodes, executor or SingleThreadedExecutor()
        for node in nodes:
            self._executor.add_node(node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop and destroy the nodes; a second call does nothing."""
        nodes, self._nodes = self._nodes, ()
        self._executor.shutdown()
        self._thread.join(5)
        for node in nodes:
            node.destroy_node()


class Peer:
    """A second node, spun in a thread of its own: publishes to the node under test and collects what it says.

    Args:
        context: another one than that of the node under test, so that DDS sees two participants as of two processes.
    """

    def __init__(self, context: Any) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.node = rclpy.create_node("peer", context=context)
        self._spun = Spun(self.node, executor=SingleThreadedExecutor(context=context))

    def collect(self, message_type: type, topic: str, qos: Any = 10) -> list[Any]:
        """A list that grows with every message on the topic."""
        messages: list[Any] = []
        self.node.create_subscription(message_type, topic, messages.append, qos)
        return messages

    def publisher(self, message_type: type, topic: str) -> Any:
        """A reliable publisher."""
        return self.node.create_publisher(message_type, topic, 10)

    def send(self, publisher: Any, message: Any, condition: Callable[[], Any], what: str = "labels") -> None:
        """Publish again and again until the condition holds: the first messages may come before the reader is ready."""

        def attempt() -> Any:
            publisher.publish(message)
            time.sleep(0.03)
            return condition()

        wait_until(attempt, what)

    def call(self, service_type: type, service: str, request: Any, timeout_s: float = 20.0) -> Any:
        """Response of a service."""
        client = self.node.create_client(service_type, service)
        assert client.wait_for_service(timeout_s), f"no service {service}"
        future = client.call_async(request)
        wait_until(future.done, f"an answer of {service}", timeout_s)
        return future.result()

    def close(self) -> None:
        self._spun.close()


def wait_until(condition: Callable[[], Any], what: str, timeout_s: float = 20.0) -> None:
    """Poll until the condition holds; fails the test when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(0.01)


def image_message(pixels: np.ndarray, encoding: str, stamp_s: int = 1, frame_id: str = "camera") -> Any:
    """A sensor_msgs/Image of rclpy, little endian, without padding."""
    from sensor_msgs.msg import Image

    message = Image(height=pixels.shape[0], width=pixels.shape[1], encoding=encoding)
    message.header.stamp.sec, message.header.stamp.nanosec, message.header.frame_id = stamp_s, 7, frame_id
    message.step = pixels.strides[0]
    message.data = pixels.tobytes()
    return message


def stamp_ns(message: Any) -> int:
    """The stamp of a message's header."""
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


def pixels_of(message: Any) -> np.ndarray:
    """The pixels of a mono8 or rgb8 message, uint8 (H, W) or (H, W, 3)."""
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, -1).squeeze()


def bench_rows(script: Path, source: str, domain_id: int, timeout_s: float) -> list[list[str]]:
    """Cells of the table that a benchmark prints, run as a program of its own on a ROS domain of its own.

    Args:
        script: where the program is written.
        source: the program.
        domain_id: of its nodes.
        timeout_s: seconds that it may take.
    """
    script.write_text(source)
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "ROS_DOMAIN_ID": str(domain_id)},
    )
    assert done.returncode == 0, done.stderr
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in done.stdout.strip().splitlines()[2:]]
