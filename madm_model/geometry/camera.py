# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A calibrated camera: from points in its optical frame to pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from madm_model.geometry.lenses import NO_DISTORTION, Equidistant, Lens, Pinhole
from madm_model.io.frames import InputError


@dataclass(frozen=True)
class Projection:
    """Points that lie in a picture."""

    index: np.ndarray
    """int64 (M,), which of the points given."""
    column: np.ndarray
    """float (M,), pixels; pixel centres are whole numbers."""
    row: np.ndarray
    """float (M,), likewise."""
    depth: np.ndarray
    """float (M,), metres along the optical axis, of a fisheye along the ray."""


@dataclass(frozen=True, eq=False)
class Camera:
    """Intrinsics in pixels, and the lens."""

    fx: float
    """Focal length along a row."""
    fy: float
    """Focal length along a column."""
    cx: float
    """Column of the principal point."""
    cy: float
    """Row of the principal point."""
    width: int
    """Columns of the picture."""
    height: int
    """Rows of the picture."""
    lens: Lens = NO_DISTORTION
    """What bends the rays."""
    from_optical: np.ndarray | None = None
    """float64 (4, 4), from the camera's optical frame to the one that these intrinsics are for; None: the same."""

    @cached_property
    def _reach(self) -> float:
        columns = np.array([-0.5, self.width - 0.5, -0.5, self.width - 0.5])
        rows = np.array([-0.5, -0.5, self.height - 0.5, self.height - 0.5])
        return self.lens.reach(float(np.hypot((columns - self.cx) / self.fx, (rows - self.cy) / self.fy).max()))

    def project(self, points: np.ndarray) -> Projection:
        """Find the points that lie in the picture.

        Args:
            points: float (3, N), metres in the frame that the intrinsics are for (x right, y down, z forward); those
                with NaN, behind the camera or beside the picture are left out.
        """
        index, across, down, depth = self.lens.image_plane(points, self._reach)
        column, row = self.fx * across + self.cx, self.fy * down + self.cy
        inside = np.flatnonzero(
            (column >= -0.5) & (column < self.width - 0.5) & (row >= -0.5) & (row < self.height - 0.5)
        )
        return Projection(index[inside], column[inside], row[inside], depth[inside])


def camera_from_info(info: Any, rectified: bool = False) -> Camera:
    """The camera of a sensor_msgs/CameraInfo, rclpy's or rosbags'.

    Args:
        info: its d, k, r, p, distortion_model, width, height, roi and binning are read.
        rectified: the pictures are rectified (image_rect): P and R count, in place of K and the distortion.

    Raises:
        InputError: it is not calibrated, or of another model.
    """
    matrix = np.asarray(info.p if rectified else info.k, float).reshape(3, -1)
    if not (np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0):
        name, other = ("P", "false") if rectified else ("K", "true")
        raise InputError(f"the camera_info has no {name}: calibrate the camera, or set rectified to {other}")
    if not (info.width and info.height):
        raise InputError("the camera_info says nothing of the picture's size: set its width and height")
    roi, (bin_x, bin_y) = info.roi, (max(info.binning_x, 1), max(info.binning_y, 1))
    return Camera(
        fx=matrix[0, 0] / bin_x,
        fy=matrix[1, 1] / bin_y,
        cx=(matrix[0, 2] - roi.x_offset) / bin_x,
        cy=(matrix[1, 2] - roi.y_offset) / bin_y,
        width=(roi.width or info.width) // bin_x,
        height=(roi.height or info.height) // bin_y,
        lens=NO_DISTORTION if rectified else _lens(info.distortion_model, [float(value) for value in info.d]),
        from_optical=_to_rectified(info, matrix) if rectified else None,
    )


def _lens(model: str, d: list[float]) -> Lens:
    if not any(d):
        if model == "equidistant":
            return Equidistant()
        return NO_DISTORTION
    if not np.isfinite(d).all():
        raise InputError("the camera_info's D holds values that are no numbers: calibrate the camera again")
    if model == "equidistant" and len(d) == 4:
        return Equidistant(*d)
    if model == "plumb_bob" and len(d) in (4, 5):
        return Pinhole(*d)
    if model == "rational_polynomial" and len(d) >= 4 and not any(d[8:]):
        return Pinhole(*d[:8])
    raise InputError(
        f"the camera_info has the distortion model '{model}' with {len(d)} values: it has to be plumb_bob (4 or 5), "
        "rational_polynomial (8) or equidistant (4); or rectify the pictures and set rectified to true"
    )


def _to_rectified(info: Any, p: np.ndarray) -> np.ndarray:
    """From the camera's optical frame to where P takes points from: R, and the baseline of a stereo pair."""
    pose = np.eye(4)
    rotation = np.asarray(info.r, float).reshape(3, 3)
    if rotation.any():
        pose[:3, :3] = rotation
    pose[:2, 3] = p[0, 3] / p[0, 0], p[1, 3] / p[1, 1]
    return pose
