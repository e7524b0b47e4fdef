# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the launch files of the modalities have in common."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription
from madm_model.runtimes.names import RUNTIMES
from madm_ros import launch_checks
from madm_ros.default_names import ADAPTED_MODALITIES, NAMESPACE, TRANSPORT_SUFFIX, default_store, edges_name

_PATHS = ("model", "store", "params_file", "rviz_config", "bag", "folder", "robot_file")
_SHARED = ("model", "device", "runtime", "store")
"""Arguments of all launch files that are parameters of the node."""
_RESPAWN_DELAY_S = 2.0
_SWITCH = ["true", "false"]

COMMON: dict[str, tuple[Any, str, list[str] | None]] = {
    "namespace": (NAMESPACE, "of the nodes, their topics and services", None),
    "model": ("", "model folder or name; empty: as in params_file", None),
    "device": ("", "auto, cpu, cuda; empty: as in params_file", None),
    "runtime": ("", "what runs the network; empty: as in params_file", ["", *RUNTIMES]),
    "store": ("", "folder of model versions; empty: as in params_file, else ~/.madm/[NAMESPACE/]MODALITY", None),
    "use_sim_time": ("", "take the time from /clock; empty: as in params_file", ["", *_SWITCH]),
    "respawn": ("false", "start a node again when it ends", _SWITCH),
    "log_level": ("", "debug, info, warn, error; empty: info", None),
}
"""Arguments of every launch file: default, description, values allowed."""


def segmentation_launch(
    modality: str, topics: Mapping[str, str], executable: str = "segmentation_node"
) -> LaunchDescription:
    """The node of one modality, and on demand RViz and a bag to play.

    Args:
        modality: thermal, depth or event: the node is /madm/MODALITY_seg unless told otherwise, its files are
            config/MODALITY.yaml and .rviz.
        topics: the node's input topics and where they come from by default; each is the argument TOPIC_topic.
        executable: the program to run; one with several nodes takes the option --name.
    """
    share = FindPackageShare("madm_ros")
    arguments = {
        **{f"{topic}_topic": (source, f"where the {topic} comes from", None) for topic, source in topics.items()},
        **COMMON,
        "name": (f"{modality}_seg", "of the segmentation node", None),
        "params_file": (PathJoinSubstitution([share, "config", f"{modality}.yaml"]), "parameters of the node", None),
        "autostart": ("", "configure and activate at start; empty: as in params_file", ["", *_SWITCH]),
        "transport": ("", "how images come; empty: as in params_file", ["", *TRANSPORT_SUFFIX]),
        "confidence_threshold": ("", "0 to 1: less sure pixels are unlabelled; empty: as in params_file", None),
        "rviz": ("false", "show the result", _SWITCH),
        "rviz_config": (PathJoinSubstitution([share, "config", f"{modality}.rviz"]), "what RViz shows", None),
        "rviz_frame": ("", "fixed frame of RViz, such as the camera's frame_id; empty: as in rviz_config", None),
        "bag": ("", "a bag to play; empty: none", None),
        "bag_loop": ("false", "play it again", _SWITCH),
        "bag_clock": ("", "publish the bag's time on /clock, this many times a second; empty: do not", None),
    }
    return LaunchDescription(
        [
            *declared_arguments(arguments),
            OpaqueFunction(function=_segmentation, args=[modality, list(topics), executable, list(arguments)]),
        ]
    )


def adapt_launch() -> LaunchDescription:
    """The adaptation server, /madm/adapt_server unless told otherwise, with the parameters of its modality's node."""
    arguments = {
        **COMMON,
        "name": ("adapt_server", "of the server", None),
        "modality": (
            "",
            "the sensor that is adapted to; empty: as in params_file, and else thermal",
            ["", *ADAPTED_MODALITIES],
        ),
        "params_file": ("", "parameters, those of the segmentation node too; empty: config/MODALITY.yaml", None),
        "bag_roots": ("", "folders that recordings and sources may lie in, separated by colons", None),
    }
    return LaunchDescription(
        [*declared_arguments(arguments), OpaqueFunction(function=_adapt_server, args=[list(arguments)])]
    )


def record_launch() -> LaunchDescription:
    """The recorder of one topic, /madm/recorder unless told otherwise."""
    shared = ("namespace", "use_sim_time", "respawn", "log_level")
    arguments = {
        **{name: COMMON[name] for name in shared},
        "name": ("recorder", "of the recorder; one each for several cameras", None),
        "topic": ("", "what is recorded: images, point clouds or events", None),
        "folder": ("", "of the segments; empty: as in params_file, else ~/.madm/[NAMESPACE/]recordings/NAME", None),
        "minutes": ("", "minutes of recording that are kept; empty: as in params_file", None),
        "quota_gb": ("", "disk that it may take, GB; empty: as in params_file", None),
        "params_file": ("", "parameters of the recorder; empty: none", None),
    }
    return LaunchDescription(
        [*declared_arguments(arguments), OpaqueFunction(function=_recorder, args=[list(arguments)])]
    )


def declared_arguments(arguments: Mapping[str, tuple[Any, str, list[str] | None]]) -> list[DeclareLaunchArgument]:
    """From name to default, description and the values allowed, if not all are."""
    return [
        DeclareLaunchArgument(
            name, default_value=default, description=text, **({"choices": choices} if choices else {})
        )
        for name, (default, text, choices) in arguments.items()
    ]


def argument_values(context: LaunchContext, known: list[str]) -> dict[str, str]:
    """The arguments' values by name, `~` in paths resolved: the shell leaves it in `bag:=~/drive`."""
    values = {name: LaunchConfiguration(name).perform(context) for name in known}
    expanded = {name: str(Path(values[name]).expanduser()) for name in _PATHS if values.get(name)}
    return {**values, **expanded}


def _adapt_server(context: LaunchContext, known: list[str]) -> list[Node]:
    """The process, once the arguments have their values."""
    launch_checks.refuse_unknown_arguments(context, "adapt.launch.py", known)
    argument = argument_values(context, known)
    file = f"{argument['modality'] or 'thermal'}.yaml"
    params_file = argument["params_file"] or PathJoinSubstitution([FindPackageShare("madm_ros"), "config", file])
    return [node_process(argument, "adapt_server", [params_file, adapt_overrides(argument)], name=argument["name"])]


def _recorder(context: LaunchContext, known: list[str]) -> list[Node]:
    """The process, once the arguments have their values."""
    launch_checks.refuse_unknown_arguments(context, "record.launch.py", known)
    argument = argument_values(context, known)
    return [
        node_process(argument, "record", [argument["params_file"], record_overrides(argument)], name=argument["name"])
    ]


def record_overrides(argument: Mapping[str, str]) -> dict[str, Any]:
    """What the launch arguments of the recorder, by name, change of the parameters in params_file.

    Raises:
        RuntimeError: a value is no number where there has to be one.
    """
    numbers = (name for name in ("minutes", "quota_gb") if argument.get(name))
    return _overrides(argument, ("topic", "folder")) | {
        name: launch_checks.require_number(argument, name) for name in numbers
    }


def adapt_overrides(argument: Mapping[str, str]) -> dict[str, Any]:
    """What the launch arguments of the server, by name, change of the parameters in params_file."""
    overrides = _overrides(argument, (*_SHARED, "modality"))
    if argument["bag_roots"]:
        overrides["bag_roots"] = argument["bag_roots"].split(":")
    return overrides


def parameter_overrides(argument: Mapping[str, str]) -> dict[str, Any]:
    """What the launch arguments, by name, change of the parameters in params_file.

    Raises:
        RuntimeError: a value is no number where there has to be one.
    """
    overrides = _overrides(argument, (*_SHARED, "transport"))
    if argument.get("autostart"):
        overrides["autostart"] = argument["autostart"] == "true"
    if argument.get("confidence_threshold"):
        overrides["confidence_threshold"] = launch_checks.require_number(argument, "confidence_threshold")
    return overrides


def _overrides(argument: Mapping[str, str], names: tuple[str, ...]) -> dict[str, Any]:
    overrides: dict[str, Any] = {name: argument[name] for name in names if argument.get(name)}
    if argument.get("use_sim_time"):
        overrides["use_sim_time"] = argument["use_sim_time"] == "true"
    return overrides


def node_process(argument: Mapping[str, str], executable: str, parameters: list[Any], **options: Any) -> Node:
    """A process of this package that the common arguments shape.

    Its enclave, which counts where security is enabled, is below the namespace: by `enclave` or the node's name.
    """
    enclave = options.pop("enclave", "") or options["name"]
    path = "/" + "/".join(filter(None, (argument.get("namespace", "").strip("/"), enclave)))
    return Node(
        package="madm_ros",
        executable=executable,
        namespace=argument.get("namespace"),
        parameters=[part for part in parameters if part],
        ros_arguments=[
            "--enclave",
            path,
            *options.pop("ros_arguments", []),
            *(["--log-level", argument["log_level"]] if argument["log_level"] else []),
        ],
        respawn=argument["respawn"] == "true",
        respawn_delay=_RESPAWN_DELAY_S,
        output="screen",
        **options,
    )


def _segmentation(
    context: LaunchContext, modality: str, topics: list[str], executable: str, known: list[str]
) -> list[Node]:
    """The processes, once the arguments have their values."""
    launch_checks.refuse_unknown_arguments(context, f"{modality}_seg.launch.py", known)
    argument = argument_values(context, known)
    overrides = parameter_overrides(argument)
    if argument["rviz"] == "true":
        launch_checks.require_rviz()
    if argument["bag"]:
        wanted, suffixes = f"{topics[0]}_topic", [""] if executable == "event_seg" else TRANSPORT_SUFFIX.values()
        topics_of_bag = [argument[wanted] + suffix for suffix in suffixes]
        present = launch_checks.ask("bag_topics", argument["bag"])
        launch_checks.require_topic(argument["bag"], present, topics_of_bag, f"set {wanted}:=TOPIC")
    named = {"name": argument["name"]} if executable == "segmentation_node" else {}
    nodes = [
        node_process(
            argument,
            executable,
            [argument["params_file"], overrides],
            arguments=[] if named else ["--name", argument["name"]],
            enclave=argument["name"],
            # Before params_file, which may say something else.
            ros_arguments=_defaults(modality, argument["namespace"]),
            remappings=[(topic, argument[f"{topic}_topic"]) for topic in topics],
            **named,
        )
    ]
    if argument["rviz"] == "true":
        frame = ["-f", argument["rviz_frame"]] if argument["rviz_frame"] else []
        nodes.append(
            Node(
                package="rviz2",
                executable="rviz2",
                namespace=argument["namespace"],
                name=f"{argument['name']}_rviz",
                arguments=["-d", argument["rviz_config"], *frame],
                remappings=rviz_remappings(modality, argument["namespace"], argument["name"]),
            )
        )
    if argument["bag"]:
        options = ["--loop"] if argument["bag_loop"] == "true" else []
        if argument["bag_clock"]:
            options += ["--clock", str(launch_checks.require_number(argument, "bag_clock"))]
        nodes.append(
            Node(
                package="madm_ros",
                executable="bag_player",
                namespace=argument["namespace"],
                name=f"{argument['name']}_bag_player",
                # Patient: the node listens once its weights are loaded.
                arguments=[argument["bag"], "--wait-for-subscribers", "300", *options],
                output="screen",
            )
        )
    return nodes


def _defaults(modality: str, namespace: str) -> list[str]:
    """ROS arguments with what a launch file knows: its modality, and the store that the adaptation server has, too."""
    return ["-p", f"modality:={modality}", "-p", f"store:={default_store(modality, namespace)}"]


def rviz_remappings(modality: str, namespace: str, name: str) -> list[tuple[str, str]]:
    """From the topics in config/MODALITY.rviz to those of a node with another name."""
    usual, present = f"/{NAMESPACE}/{modality}_seg", f"/{namespace.strip('/')}/{name}"
    if usual == present:
        return []
    pairs = [(f"{usual}/{topic}", f"{present}/{topic}") for topic in ("overlay", "labels", "points")]
    return [*pairs, (f"/{NAMESPACE}/event_edges/edges", f"{edges_name(present)}/edges")]
