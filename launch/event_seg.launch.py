# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
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
