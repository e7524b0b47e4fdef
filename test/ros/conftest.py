"""A running node, and a peer to talk to it over DDS."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ros_helpers import FakeSegmenter, Peer

# Before rclpy is imported anywhere: tests must not meet the robots, or other tests, of this network.
os.environ["ROS_DOMAIN_ID"] = str(os.getpid() % 101)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"


@pytest.fixture(scope="session")
def ros() -> Iterator[Any]:
    """The context of peers; the node under test lives in the default one. Both last, as discovery takes a while."""
    rclpy = pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")
    rclpy.init(args=[])
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    yield context
    context.try_shutdown()
    rclpy.try_shutdown()


@pytest.fixture
def peer(ros: Any) -> Iterator[Peer]:
    """A second node to talk to the one under test."""
    peer = Peer(ros)
    yield peer
    peer.close()


@pytest.fixture
def start_node(ros: Any) -> Iterator[Callable[..., Any]]:
    """Function that makes a segmentation node, spins it in a thread and, unless told otherwise, brings it up."""
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.parameter import Parameter

    from madm_ros.segmentation_node import SegmentationNode

    started = []

    def start(
        segmenter: Any = None, bring_up: bool = True, cli_args: Any = None, image_source: str = "", **parameters: Any
    ) -> SegmentationNode:
        factory = segmenter if callable(segmenter) else (lambda *_: segmenter or FakeSegmenter())
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        node = SegmentationNode(
            factory, image_source, parameter_overrides=overrides, use_global_arguments=False, cli_args=cli_args
        )
        if bring_up:
            assert node.bring_up()
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        thread = threading.Thread(target=executor.spin, daemon=True)
        thread.start()
        started.append((node, executor, thread))
        return node

    yield start
    for node, executor, thread in started:
        executor.shutdown()
        thread.join(5)
        node.destroy_node()


@pytest.fixture
def errors(capfd: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """Function that gives the lines the node has logged at error level so far, without their time stamps."""
    captured: list[str] = []

    def lines() -> list[str]:
        captured.append(capfd.readouterr().err)
        return re.findall(r"^\[ERROR\] \[[\d.]+\] \[segmentation_node\]: (.*)$", "".join(captured), re.MULTILINE)

    return lines
