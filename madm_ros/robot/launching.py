# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What starts a whole robot: its cameras, in one process or several, their adaptation servers and recorders."""

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


def robot_launch() -> LaunchDescription:
    """All that a robot's file names."""
    file = PathJoinSubstitution([FindPackageShare("madm_ros"), "config", "robot.yaml"])
    arguments: dict[str, tuple[Any, str, list[str] | None]] = {
        "robot_file": (file, "the cameras, their parameters and servers", None),
        **{name: COMMON[name] for name in ("use_sim_time", "respawn", "log_level")},
        "autostart": (
            "",
            "configure and activate at start; empty: as in robot_file",
            ["", "true", "false"],
        ),
        "bag": ("", "a bag to play; empty: none", None),
        "bag_loop": ("false", "play it again", ["true", "false"]),
        "bag_clock": ("", "publish the bag's time on /clock, this many times a second; empty: do not", None),
    }
    return LaunchDescription([*declared_arguments(arguments), OpaqueFunction(function=_robot, args=[list(arguments)])])


def _robot(context: LaunchContext, known: list[str]) -> list[Node]:
    """The processes, once the arguments have their values."""
    launch_checks.refuse_unknown_arguments(context, "robot.launch.py", known)
    argument = argument_values(context, known)
    robot = launch_checks.ask("robot_processes", argument["robot_file"])
    others = [
        node_process(
            {**argument, "namespace": node["namespace"]},
            node["executable"],
            [node["parameters"], *_sim_time(argument)],
            name=node["name"],
        )
        for node in robot["nodes"]
    ]
    return _cameras(argument, robot) + others + ([_player(argument, robot)] if argument["bag"] else [])


def _cameras(argument: Mapping[str, str], robot: Mapping[str, Any]) -> list[Node]:
    autostart = ["--autostart", argument["autostart"]] if argument["autostart"] else []
    return [
        node_process(
            argument,
            "cameras",
            _sim_time(argument),
            arguments=[argument["robot_file"], *autostart, *options],
            enclave=f"{robot['namespace'].strip('/')}/cameras",
        )
        for options in robot["cameras"]
    ]


def _player(argument: Mapping[str, str], robot: Mapping[str, Any]) -> Node:
    topics = []
    present = launch_checks.ask("bag_topics", argument["bag"])
    for source in robot["inputs"]:
        advice = f"set {source['field']} of {source['camera']} in the robot's file"
        launch_checks.require_topic(argument["bag"], present, [source["topic"]], advice)
        topics += [source["topic"]] * source["listeners"]
    options = ["--loop"] if argument["bag_loop"] == "true" else []
    if argument["bag_clock"]:
        options += ["--clock", str(launch_checks.require_number(argument, "bag_clock"))]
    return Node(
        package="madm_ros",
        executable="bag_player",
        namespace=robot["namespace"],
        # Patient: the nodes listen once their weights are loaded.
        arguments=[argument["bag"], "--wait-for-subscribers", "300", "--wait-for", *topics, *options],
        output="screen",
    )


def _sim_time(argument: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"use_sim_time": argument["use_sim_time"] == "true"}] if argument["use_sim_time"] else []
