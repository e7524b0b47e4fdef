# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Clouds, labels and calibrations as messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from ros_helpers import image_message
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

WIDTH, HEIGHT = 64, 48
LABELS = (np.arange(WIDTH * HEIGHT) % 9).astype(np.uint8).reshape(HEIGHT, WIDTH)
CONFIDENCE = (np.arange(WIDTH * HEIGHT) % 200).astype(np.uint8).reshape(HEIGHT, WIDTH)
LIDAR_IN_CAMERA = "0 0 0 0.5 -0.5 0.5 0.5"
"""The LiDAR's axes (x forward, z up) in the camera's place."""
NUMPY_TYPES = {2: "u1", 4: "u2", 6: "u4", 7: "f4", 8: "f8"}


def labels_message(stamp_s: int = 1, labels: np.ndarray = LABELS) -> Image:
    return image_message(labels, "mono8", stamp_s, "camera_optical")


def info_message() -> CameraInfo:
    info = CameraInfo(height=HEIGHT, width=WIDTH, distortion_model="plumb_bob", d=[0.0] * 5)
    info.k = [50.0, 0.0, 31.5, 0.0, 50.0, 23.5, 0.0, 0.0, 1.0]
    info.p = [50.0, 0.0, 31.5, 0.0, 0.0, 50.0, 23.5, 0.0, 0.0, 0.0, 1.0, 0.0]
    return info


def pixel_points(columns: np.ndarray, rows: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Points of a LiDAR (x forward, y left, z up) that pixels show, float32 (N, 3)."""
    x, y = (columns - 31.5) / 50 * depth, (rows - 23.5) / 50 * depth
    return np.stack([depth, -x, -y], 1).astype(np.float32)


def cloud_message(points: np.ndarray, stamp_s: int = 1, big_endian: bool = False) -> PointCloud2:
    """A LiDAR's cloud with intensity and ring, 19 bytes a point."""
    order = ">" if big_endian else "<"
    layout = np.dtype(
        {
            "names": ["x", "y", "z", "intensity", "ring"],
            "formats": [f"{order}f4"] * 4 + [f"{order}u2"],
            "offsets": [0, 4, 8, 13, 17],
            "itemsize": 19,
        }
    )
    data = np.zeros(len(points), layout)
    for name, values in zip("xyz", points.T):
        data[name] = values
    data["intensity"], data["ring"] = np.arange(len(points)) / 7, np.arange(len(points))
    message = PointCloud2(height=1, width=len(points), point_step=19, row_step=19 * len(points))
    message.fields = [
        PointField(name=name, offset=layout.fields[name][1], datatype=4 if name == "ring" else 7, count=1)
        for name in layout.names
    ]
    message.is_bigendian, message.is_dense, message.data = big_endian, True, data.tobytes()
    message.header.stamp.sec, message.header.frame_id = stamp_s, "lidar"
    return message


def read_cloud(message: Any) -> np.ndarray:
    """The points as the message itself describes them, (height, width)."""
    order = ">" if message.is_bigendian else "<"
    layout = {
        "names": [field.name for field in message.fields],
        "formats": [order + NUMPY_TYPES[field.datatype] for field in message.fields],
        "offsets": [field.offset for field in message.fields],
        "itemsize": message.point_step,
    }
    assert message.row_step == message.width * message.point_step
    assert len(message.data) == message.height * message.row_step
    return np.frombuffer(message.data, np.dtype(layout)).reshape(message.height, message.width)
