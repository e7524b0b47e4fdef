# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Geometry of the labelled point cloud: plain arrays, no ROS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

POINT_DTYPE = np.dtype(
    {
        "names": ["x", "y", "z", "rgb", "label", "confidence"],
        "formats": ["f4", "f4", "f4", "f4", "u4", "f4"],
        "offsets": [0, 4, 8, 12, 16, 20],
    }
)
"""As PCL's PointXYZRGBL (rgb packed into a float, label uint32), with the confidence, 0 to 1, after it."""


@dataclass(frozen=True)
class PinholeCamera:
    """Intrinsics of a rectified depth image, in pixels."""

    fx: float
    """Focal length along a row."""
    fy: float
    """Focal length along a column."""
    cx: float
    """Column of the principal point."""
    cy: float
    """Row of the principal point."""
    width: int
    """Columns of the image it holds for."""
    height: int
    """Rows of the image it holds for."""

    @classmethod
    def from_camera_info(cls, info: Any) -> PinholeCamera | None:
        """From sensor_msgs/CameraInfo: P, or K where P is empty; None for an uncalibrated camera (all zero)."""
        if info.p[0] > 0 and info.p[5] > 0:
            return cls(info.p[0], info.p[5], info.p[2], info.p[6], info.width, info.height)
        if info.k[0] > 0 and info.k[4] > 0:
            return cls(info.k[0], info.k[4], info.k[2], info.k[5], info.width, info.height)
        return None


def labelled_points(
    depth: np.ndarray, camera: PinholeCamera, labels: np.ndarray, confidence: np.ndarray, colours: np.ndarray
) -> np.ndarray:
    """Back-project a depth image and attach what the network says about every pixel.

    Args:
        depth: float32 (H, W), metres along the optical axis; values that are not finite and positive are invalid.
        camera: intrinsics of that image.
        labels: uint8 (H, W), class ids.
        confidence: uint8 (H, W), 255 is certain.
        colours: uint8 (256, 3), RGB of each id.

    Returns:
        `POINT_DTYPE` (H, W), in the optical frame (x right, y down, z forward, REP 103); x, y and z are NaN where the
        depth is invalid.
    """
    height, width = depth.shape
    points = np.empty((height, width), POINT_DTYPE)
    z = np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))
    points["x"] = z * ((np.arange(width, dtype=np.float32) - camera.cx) / camera.fx).astype(np.float32)
    points["y"] = z * ((np.arange(height, dtype=np.float32) - camera.cy) / camera.fy).astype(np.float32)[:, None]
    points["z"] = z
    packed = colours.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    points["rgb"] = packed.view(np.float32)[labels]
    points["label"] = labels
    points["confidence"] = confidence * np.float32(1 / 255)
    return points
