"""Label images, and a labelled point cloud, from a depth camera.

    ros2 launch madm_ros depth_seg.launch.py image_topic:=/camera/depth/image_rect_raw \
        camera_info_topic:=/camera/depth/camera_info rviz:=true
"""

from launch import LaunchDescription
from madm_ros.launching import segmentation_launch


def generate_launch_description() -> LaunchDescription:
    return segmentation_launch("depth", topics={"image": "/depth/image_raw", "camera_info": "/depth/camera_info"})
