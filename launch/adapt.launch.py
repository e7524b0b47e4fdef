"""The adaptation server, beside a segmentation node whose parameter `store` names the same folder.

ros2 launch madm_ros adapt.launch.py modality:=thermal bag_roots:=/data/bags:/data/labelled store:=/data/madm/thermal
"""

from launch import LaunchDescription
from madm_ros.launching import adapt_launch


def generate_launch_description() -> LaunchDescription:
    return adapt_launch()
