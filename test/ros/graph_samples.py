# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Every node of the launch files at once, as a graph that tests ask for what it is made of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ros_helpers import FakeSegmenter, Peer, Spun

ROOT = Path(__file__).resolve().parents[2]


def input_topics(launch_file: str) -> dict[str, str]:
    """Input of a modality's node to the topic that its launch file gives it."""
    tree = ast.parse((ROOT / "launch" / launch_file).read_text())
    (topics,) = [ast.literal_eval(node) for node in ast.walk(tree) if isinstance(node, ast.Dict)]
    return topics


def _arguments(name: str, topics: dict[str, str]) -> list[str]:
    renamed = [part for pair in topics.items() for part in ("-r", "{}:={}".format(*pair))]
    return ["--ros-args", "-r", f"__node:={name}", *renamed]


def single_nodes(folder: Path) -> list[Any]:
    """One node of each kind, named and fed as the launch files of one camera do; those that segment are active.

    Args:
        folder: for what the recorder and the server write.
    """
    from rclpy.parameter import Parameter

    from madm_ros.adapt.server import AdaptServer
    from madm_ros.clouds.node import CloudLabelNode
    from madm_ros.events.seg import make_nodes
    from madm_ros.recorder.node import RecorderNode
    from madm_ros.segmentation.node import SegmentationNode

    def options(name: str = "", topics: dict[str, str] | None = None, **parameters: Any) -> dict[str, Any]:
        values = {"use_sim_time": True, **parameters}
        return {
            "namespace": "/madm",
            "use_global_arguments": False,
            "parameter_overrides": [Parameter(key, value=value) for key, value in values.items()],
            **({"cli_args": _arguments(name, topics or {})} if name else {}),
        }

    labelled = {topic: f"thermal_seg/{topic}" for topic in ("labels", "confidence", "palette", "camera_info")}
    clouds = {**labelled, "cloud": "/points", "depth": "/depth/image_rect"}
    events = [part for pair in input_topics("event_seg.launch.py").items() for part in ("-r", "{}:={}".format(*pair))]
    segmenting = [
        SegmentationNode(
            lambda *_: FakeSegmenter(),
            **options(f"{modality}_seg", input_topics(f"{modality}_seg.launch.py"), modality=modality),
        )
        for modality in ("thermal", "depth")
    ]
    parameters = {"edges.window": "stamps", "modality": "event"}
    edges, event_seg = make_nodes(lambda *_: FakeSegmenter(), arguments=events, **options(**parameters))
    segmenting.append(event_seg)
    for node in segmenting:
        assert node.bring_up()
    return [
        *segmenting,
        edges,
        CloudLabelNode(**options("cloud_labels", clouds)),
        CloudLabelNode(**options("of_depth", clouds, input="depth")),
        RecorderNode(**options("recorder", topic="/thermal/image_raw", folder=str(folder / "recordings"))),
        AdaptServer(**options("adapt_server", store=str(folder / "store"), bag_roots=[str(folder)])),
    ]


def sensors(peer: Peer) -> list[Any]:
    """Publishers of all that the nodes listen to: they subscribe once someone publishes."""
    from event_camera_msgs.msg import EventPacket
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2

    topics: dict[str, type] = {"/points": PointCloud2, "/depth/image_rect": Image}
    kinds = {"image": Image, "camera_info": CameraInfo, "events": EventPacket, "reference_image": Image}
    for modality in ("thermal", "depth", "event"):
        for name, topic in input_topics(f"{modality}_seg.launch.py").items():
            topics[topic] = kinds[name]
    return [peer.publisher(kind, topic) for topic, kind in topics.items()]


@contextmanager
def whole_graph(ros: Any, folder: Path) -> Iterator[Peer]:
    """The nodes spin, and a peer sees them.

    Args:
        ros: the context of the peer.
        folder: as of `single_nodes`.
    """
    peer = Peer(ros)
    spun = Spun(*single_nodes(folder))
    sensors(peer)
    try:
        yield peer
    finally:
        spun.close()
        peer.close()
