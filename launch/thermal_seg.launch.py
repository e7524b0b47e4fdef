"""Label images from a thermal camera.

ros2 launch madm_ros thermal_seg.launch.py image_topic:=/camera/image_raw
ros2 launch madm_ros thermal_seg.launch.py bag:=recording rviz:=true
"""

from launch import LaunchDescription
from madm_ros.launching import segmentation_launch


def generate_launch_description() -> LaunchDescription:
    return segmentation_launch("thermal", topics={"image": "/thermal/image_raw", "camera_info": "/thermal/camera_info"})
