"""Label images from an event camera: edge frames and their labels, made in one process.

ros2 launch madm_ros event_seg.launch.py events_topic:=/camera/events
ros2 launch madm_ros event_seg.launch.py bag:=recording rviz:=true
"""

from launch import LaunchDescription
from madm_ros.launching import segmentation_launch


def generate_launch_description() -> LaunchDescription:
    topics = {
        "events": "/event_camera/events",
        "reference_image": "/rgb/image_raw",
        "camera_info": "/event_camera/camera_info",
    }
    return segmentation_launch("event", topics, executable="event_seg")
