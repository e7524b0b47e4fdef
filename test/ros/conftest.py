# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A running node, and a peer to talk to it over DDS."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from adaptation_samples import LENIENT, write_bag, write_model, write_source
from kill_samples import start_child
from ros_helpers import FakeSegmenter, Peer, Spun

from madm_model.io.bags import BagReader


@pytest.fixture(scope="session")
def ros() -> Iterator[Any]:
    """The context of peers; the node under test lives in the default one.

    Discovery takes seconds, and a context's participant ends with its last node: one node of each stays.
    """
    rclpy = pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")
    rclpy.init(args=[])
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    staying = [rclpy.create_node("staying"), rclpy.create_node("staying", context=context)]
    yield context
    for node in staying:
        node.destroy_node()
    context.try_shutdown()
    rclpy.try_shutdown()


@pytest.fixture
def peer(ros: Any) -> Iterator[Peer]:
    """A second node to talk to the one under test."""
    peer = Peer(ros)
    yield peer
    peer.close()


@pytest.fixture
def spin(ros: Any) -> Iterator[Callable[..., Spun]]:
    """Function that spins nodes until they are closed, or the test ends."""
    spun: list[Spun] = []

    def start(*nodes: Any, executor: Any = None) -> Spun:
        spun.append(Spun(*nodes, executor=executor))
        return spun[-1]

    yield start
    for item in spun:
        item.close()


@pytest.fixture
def start_node(spin: Callable[..., Spun]) -> Callable[..., Any]:
    """Function that makes a segmentation node, spins it in a thread and, unless told otherwise, brings it up."""
    from rclpy.parameter import Parameter

    from madm_ros.segmentation.node import SegmentationNode

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
        spin(node)
        return node

    return start


@pytest.fixture
def start_player(ros: Any) -> Iterator[Callable[[Path], Any]]:
    """Function that opens a bag for playing: a BagPlayer."""
    from madm_ros.tools.bag_player import BagPlayer

    opened: list[tuple[BagReader, BagPlayer]] = []

    def start(path: Path) -> BagPlayer:
        reader = BagReader(path)
        opened.append((reader, BagPlayer(reader)))
        return opened[-1][1]

    yield start
    for reader, player in opened:
        player.destroy_node()
        reader.close()


@pytest.fixture
def play(start_player: Callable[[Path], Any]) -> Callable[..., int]:
    """Function that plays a bag to nodes that listen already, and gives the number of messages they got."""

    def play_bag(path: Path, rate: float = 1.0) -> int:
        player = start_player(path)
        assert player.wait_for_subscribers(20)
        count = player.play(rate)
        player.wait_until_delivered(20)
        return count

    return play_bag


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    """A folder with a model, a labelled source and a recording in it."""
    write_model(tmp_path / "base")
    write_source(tmp_path / "source")
    write_bag(tmp_path / "bags" / "drive")
    return tmp_path


@pytest.fixture(scope="session")
def _fork_server() -> None:
    start_child(bool).join()  # now: it imports what trains, and a service's answer would wait for it


@pytest.fixture
def start_server(
    spin: Callable[..., Spun],
    robot: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    _fork_server: None,
) -> Callable[..., Any]:
    """Function that makes an adaptation server and spins it, in place of the one before.

    Its jobs are forked, which is quicker; where a module says JOBS_AS_COMMANDS, they are started as for a user.
    """
    from rclpy.executors import MultiThreadedExecutor
    from rclpy.parameter import Parameter

    from madm_model.jobs.gate import GateConfig
    from madm_ros.adapt import admission, job_process
    from madm_ros.adapt.server import AdaptServer

    if not getattr(request.module, "JOBS_AS_COMMANDS", False):
        from forked_jobs import start_job

        monkeypatch.setattr(job_process, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": start_job}))

    monkeypatch.setattr(admission, "_CHECK_S", 15.0)  # a busy machine must not turn a refusal into a late failure
    running: list[Spun] = []
    lenient = {}  # the gate lets a network of random weights pass
    for name, value in LENIENT.items():
        field = name.removeprefix("gate.")
        lenient[f"gate.{field}"] = type(getattr(GateConfig, field))(value)

    def start(**parameters: Any) -> AdaptServer:
        while running:
            running.pop().close()
        values = {
            "store": str(robot / "store"),
            "model": str(robot / "base"),
            "bag_roots": [str(robot / "bags"), str(robot / "source")],
            "device": "cpu",
            "threads": 1,
            "niceness": 0,
            **lenient,
            **parameters,
        }
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        server = AdaptServer(namespace="/madm", parameter_overrides=overrides, use_global_arguments=False)
        running.append(spin(server, executor=MultiThreadedExecutor(4)))
        return server

    return start


@pytest.fixture
def errors(capfd: pytest.CaptureFixture[str]) -> Callable[[], list[str]]:
    """Function that gives the lines the node has logged at error level so far, without their time stamps."""
    captured: list[str] = []

    def lines() -> list[str]:
        captured.append(capfd.readouterr().err)
        return re.findall(r"^\[ERROR\] \[[\d.]+\] \[segmentation_node\]: (.*)$", "".join(captured), re.MULTILINE)

    return lines
