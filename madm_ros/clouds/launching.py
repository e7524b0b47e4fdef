# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What starts the cloud label node beside a segmentation node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from launch.actions import OpaqueFunction
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription
from madm_ros import launch_checks
from madm_ros.launching import COMMON, argument_values, declared_arguments, node_process


def cloud_labels_launch() -> LaunchDescription:
    """The node, /madm/cloud_labels unless told otherwise."""
    file = PathJoinSubstitution([FindPackageShare("madm_ros"), "config", "cloud_labels.yaml"])
    arguments: dict[str, tuple[Any, str, list[str] | None]] = {
        **{name: COMMON[name] for name in ("namespace", "use_sim_time", "respawn", "log_level")},
        "name": ("cloud_labels", "of the node; one each for several cameras", None),
        "camera": ("thermal_seg", "segmentation node whose labels are taken, in the namespace or with its own", None),
        "cloud_topic": ("/points", "where the cloud comes from", None),
        "depth_topic": ("/depth/image_rect", "where the depth image comes from, with input:=depth", None),
        "camera_info_topic": ("", "calibration of the camera; empty: as the segmentation node has it", None),
        "input": ("", "cloud or depth; empty: as in params_file", ["", "cloud", "depth"]),
        "static_transform": ("", "of the cloud's frame in the camera's; empty: as in params_file", None),
        "params_file": (file, "parameters of the node", None),
    }
    return LaunchDescription([*declared_arguments(arguments), OpaqueFunction(function=_node, args=[list(arguments)])])


def _node(context: LaunchContext, known: list[str]) -> list[Node]:
    """The process, once the arguments have their values."""
    launch_checks.refuse_unknown_arguments(context, "cloud_labels.launch.py", known)
    argument = argument_values(context, known)
    overrides: dict[str, Any] = {name: argument[name] for name in ("input", "static_transform") if argument[name]}
    if argument["use_sim_time"]:
        overrides["use_sim_time"] = argument["use_sim_time"] == "true"
    return [
        node_process(
            argument,
            "cloud_labels",
            [argument["params_file"], overrides],
            name=argument["name"],
            remappings=cloud_remappings(argument),
        )
    ]


def cloud_remappings(argument: Mapping[str, str]) -> list[tuple[str, str]]:
    """Where the node's topics come from, given the launch arguments by name."""
    camera = argument["camera"].rstrip("/")
    return [
        *((topic, f"{camera}/{topic}") for topic in ("labels", "confidence", "palette")),
        ("camera_info", argument["camera_info_topic"] or f"{camera}/camera_info"),
        ("cloud", argument["cloud_topic"]),
        ("depth", argument["depth_topic"]),
    ]
