"""What the launch files of the modalities have in common."""

from __future__ import annotations

from collections.abc import Mapping

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchContext, LaunchDescription

NAMESPACE = "madm"
MODALITIES = ["thermal", "depth", "event"]
_SHARED = ("model", "device", "store")
"""Arguments of all launch files that are parameters of the node."""


def segmentation_launch(
    modality: str, topics: Mapping[str, str], executable: str = "segmentation_node"
) -> LaunchDescription:
    """The node of one modality, and on demand RViz and a bag to play.

    Args:
        modality: thermal, depth or event: the node is /madm/MODALITY_seg, its files are config/MODALITY.yaml and .rviz.
        topics: the node's input topics and where they come from by default; each is the argument TOPIC_topic.
        executable: the program to run; one with several nodes names them itself.
    """
    share = FindPackageShare("madm_ros")
    arguments = [
        *(
            DeclareLaunchArgument(f"{topic}_topic", default_value=source, description=f"where the {topic} comes from")
            for topic, source in topics.items()
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value=PathJoinSubstitution([share, "config", f"{modality}.yaml"]),
            description="parameters of the node",
        ),
        DeclareLaunchArgument("model", default_value="", description="model folder or name; empty: as in params_file"),
        DeclareLaunchArgument("device", default_value="", description="auto, cpu, cuda; empty: as in params_file"),
        DeclareLaunchArgument(
            "store", default_value="", description="folder of adapted versions to follow; empty: as in params_file"
        ),
        DeclareLaunchArgument("rviz", default_value="false", choices=["true", "false"], description="show the result"),
        DeclareLaunchArgument(
            "rviz_config",
            default_value=PathJoinSubstitution([share, "config", f"{modality}.rviz"]),
            description="what RViz shows",
        ),
        DeclareLaunchArgument("bag", default_value="", description="a bag to play; empty: none"),
        DeclareLaunchArgument(
            "bag_loop", default_value="false", choices=["true", "false"], description="play it again"
        ),
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_actions, args=[modality, list(topics), executable])])


def adapt_launch() -> LaunchDescription:
    """The adaptation server, /madm/adapt_server, with the parameters that the node of its modality has."""
    arguments = {
        "params_file": ("", "parameters, those of the segmentation node too; empty: config/MODALITY.yaml"),
        "store": ("", "folder of the model versions; empty: as in params_file, and else ~/.madm/MODALITY"),
        "bag_roots": ("", "folders that recordings and sources may lie in, separated by colons"),
        "model": ("", "the base: model folder, or the name of an embedded model; empty: as in params_file"),
        "device": ("", "where jobs train: auto, cpu, cuda; empty: as in params_file"),
    }
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in arguments.items()
    ]
    modality = DeclareLaunchArgument(
        "modality",
        default_value="",
        choices=["", *MODALITIES],
        description="the sensor that is adapted to; empty: as in params_file, and else thermal",
    )
    return LaunchDescription([modality, *declared, OpaqueFunction(function=_adapt_server)])


def _adapt_server(context: LaunchContext) -> list[Node]:
    """The process, once the arguments have their values."""
    argument = _values(context)
    file = f"{argument['modality'] or 'thermal'}.yaml"
    params_file = argument["params_file"] or PathJoinSubstitution([FindPackageShare("madm_ros"), "config", file])
    overrides = adapt_overrides(argument)
    return [
        Node(
            package="madm_ros",
            executable="adapt_server",
            namespace=NAMESPACE,
            parameters=[params_file, *([overrides] if overrides else [])],
            output="screen",
        )
    ]


def adapt_overrides(argument: Mapping[str, str]) -> dict[str, str | list[str]]:
    """What the launch arguments of the server, by name, change of the parameters in params_file."""
    overrides: dict[str, str | list[str]] = {name: argument[name] for name in (*_SHARED, "modality") if argument[name]}
    if argument["bag_roots"]:
        overrides["bag_roots"] = argument["bag_roots"].split(":")
    return overrides


def parameter_overrides(argument: Mapping[str, str]) -> dict[str, str]:
    """What the launch arguments, by name, change of the parameters in params_file."""
    overrides = {name: argument[name] for name in _SHARED if argument[name]}
    if argument["bag"] and "image_topic" in argument:
        # The player offers it, and over best effort Fast DDS loses images of more than half a megabyte.
        overrides[f"qos_overrides.{argument['image_topic']}.subscription.reliability"] = "reliable"
    return overrides


def _values(context: LaunchContext) -> dict[str, str]:
    """The arguments' values by name."""
    return {key: LaunchConfiguration(key).perform(context) for key in context.launch_configurations}


def _actions(context: LaunchContext, modality: str, topics: list[str], executable: str) -> list[Node]:
    """The processes, once the arguments have their values."""
    argument = _values(context)
    overrides = parameter_overrides(argument)
    nodes = [
        Node(
            package="madm_ros",
            executable=executable,
            namespace=NAMESPACE,
            name=f"{modality}_seg" if executable == "segmentation_node" else None,
            parameters=[argument["params_file"], *([overrides] if overrides else [])],
            remappings=[(topic, argument[f"{topic}_topic"]) for topic in topics],
            output="screen",
        )
    ]
    if argument["rviz"] == "true":
        nodes.append(Node(package="rviz2", executable="rviz2", arguments=["-d", argument["rviz_config"]]))
    if argument["bag"]:
        loop = ["--loop"] if argument["bag_loop"] == "true" else []
        # Patient: the node listens once its weights are loaded.
        options = ["--wait-for-subscribers", "300", *loop]
        nodes.append(
            Node(package="madm_ros", executable="bag_player", arguments=[argument["bag"], *options], output="screen")
        )
    return nodes
