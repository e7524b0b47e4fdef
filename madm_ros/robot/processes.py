# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which processes a robot's file wants, as plain values: the Python of `ros2 launch` may be one that cannot read it."""

from __future__ import annotations

from typing import Any

from madm_model.settings import plain
from madm_ros.default_names import TRANSPORT_SUFFIX
from madm_ros.robot.config import CameraConfig, RobotConfig, recorder_name


def processes(robot: RobotConfig) -> dict[str, Any]:
    """What is started, and what a bag has to have for it.

    Returns:
        namespace: of the robot.
        cameras: for each process of cameras its options.
        nodes: executable, namespace, name and parameters of each server and recorder.
        inputs: camera, field of the robot's file, topic, and how many listen to it, for each camera.
    """
    return {
        "namespace": robot.namespace,
        "cameras": [[]] if robot.processes == "one" else [["--only", camera.name] for camera in robot.cameras],
        "nodes": _servers(robot) + _recorders(robot),
        "inputs": [
            {
                "camera": camera.name,
                "field": f"{'events' if camera.modality == 'event' else 'image'}_topic",
                "topic": _topic(robot, camera),
                "listeners": 1 if robot.record is None else 2,
            }
            for camera in robot.cameras
        ],
    }


def _servers(robot: RobotConfig) -> list[dict[str, Any]]:
    if robot.adapt is None:
        return []
    return [
        {
            "executable": "adapt_server",
            "namespace": robot.server_namespace(cameras),
            "name": "adapt_server",
            "parameters": robot.server_parameters(cameras),
        }
        for cameras in robot.cameras_by_store().values()
    ]


def _recorders(robot: RobotConfig) -> list[dict[str, Any]]:
    if robot.record is None:
        return []
    return [
        {
            "executable": "record",
            "namespace": robot.namespace,
            "name": recorder_name(camera),
            "parameters": {"topic": _topic(robot, camera), **plain(robot.record)},
        }
        for camera in robot.cameras
    ]


def _topic(robot: RobotConfig, camera: CameraConfig) -> str:
    """Where a camera's images or events are, with what its transport appends."""
    if camera.modality == "event":
        return camera.topics["events"]
    return camera.topics["image"] + TRANSPORT_SUFFIX[robot.camera_parameters(camera).get("transport", "raw")]
