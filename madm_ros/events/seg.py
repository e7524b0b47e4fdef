# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Event frame node and segmentation node in one process: an edge frame goes from one to the other by a call.

    event_seg --name front_seg

rclpy has no communication within a process; over DDS the frame would be serialised and copied once more. The nodes are
`event_edges` and `event_seg`, with `--name front_seg` front_edges and front_seg; parameters and remappings that name no
node reach both.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from rclpy.executors import SingleThreadedExecutor
from rclpy.utilities import remove_ros_args

from madm_ros.default_names import edges_name
from madm_ros.events.frame_node import EventFrameNode
from madm_ros.running import ros_process
from madm_ros.segmentation.node import SegmentationNode
from madm_ros.sharing.shared_networks import SharedNetworks

NAME = "event_seg"
"""Of the segmentation node unless told otherwise."""


def make_nodes(
    *segmentation: Any,
    name: str = NAME,
    arguments: Sequence[str] = (),
    networks: SharedNetworks | None = None,
    **options: Any,
) -> tuple[EventFrameNode, SegmentationNode]:
    """The two nodes, the first feeding the second.

    Args:
        segmentation: positional arguments of SegmentationNode.
        name: of the segmentation node; the other's follows from it, see `edges_name`.
        arguments: ROS arguments for both nodes, such as `-p NAME:=VALUE`.
        networks: of the nodes of this process, see SegmentationNode.
        options: keyword arguments of both nodes, such as namespace.

    Raises:
        ValueError: an edge parameter given at start makes no sense.
    """

    # A node's own arguments come before those of the process, which would give both nodes one name.
    def named(own: str) -> list[str]:
        return ["--ros-args", "-r", f"__node:={own}", *arguments]

    edges = EventFrameNode(cli_args=named(edges_name(name)), **options)
    labels = SegmentationNode(
        *segmentation, image_source=edges.edges_topic, networks=networks, cli_args=named(name), **options
    )
    edges.on_edges = labels.accept
    return edges, labels


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable `event_seg`."""
    parser = argparse.ArgumentParser(prog="event_seg", description="Labels of an event camera's edges.")
    parser.add_argument("--name", default=NAME, help="of the segmentation node")
    options = parser.parse_args(remove_ros_args(args)[1:])
    with ros_process("event_seg", args) as nodes:
        edges, labels = make_nodes(name=options.name)
        nodes += [edges, labels]
        executor = SingleThreadedExecutor()
        executor.add_node(edges)
        executor.add_node(labels)
        if labels.get_parameter("autostart").value:
            labels.bring_up()
        executor.spin()


if __name__ == "__main__":
    main()
