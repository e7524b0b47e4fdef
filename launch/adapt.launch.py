"""The adaptation server, beside a segmentation node whose parameter `store` names the same folder.

ros2 launch madm_ros adapt.launch.py modality:=thermal bag_roots:=/data/bags:/data/labelled store:=/data/madm/thermal
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription

ARGUMENTS = {
    "modality": ("thermal", "the sensor that is adapted to: thermal, depth or event"),
    "store": ("", "folder of the model versions; empty: ~/.madm/MODALITY"),
    "bag_roots": ("", "folders that recordings and sources may lie in, separated by colons"),
    "model": ("", "the base: model folder, or the name of an embedded model; empty: the one of the modality"),
    "device": ("auto", "where jobs train: auto, cpu, cuda"),
}


def server(context: LaunchContext) -> list[Node]:
    """The process, once the arguments have their values."""
    values: dict[str, object] = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    values["bag_roots"] = str(values["bag_roots"]).split(":")
    return [Node(package="madm_ros", executable="adapt_server", namespace="madm", parameters=[values], output="screen")]


def generate_launch_description() -> LaunchDescription:
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=server)])
