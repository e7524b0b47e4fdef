# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Poses as matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pose_matrix(place: Sequence[float], turn: Sequence[float]) -> np.ndarray:
    """The pose of a frame in its parent, float64 (4, 4): it takes points from the frame to the parent.

    Args:
        place: x, y and z in metres.
        turn: quaternion x, y, z, w, of any length above 0.
    """
    x, y, z, w = np.asarray(turn, float) / np.linalg.norm(turn)
    pose = np.eye(4)
    pose[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    pose[:3, 3] = place
    return pose


def parse_pose(text: str) -> np.ndarray:
    """A pose from text: "x y z roll pitch yaw", as URDF's origin, or "x y z qx qy qz qw", as tf2_echo prints it.

    Raises:
        ValueError: it is neither; the message says so.
    """
    try:
        values = np.array([float(part) for part in text.replace(",", " ").split()])
    except ValueError:
        values = np.zeros(0)
    if len(values) == 6:
        roll, pitch, yaw = values[3:]
        about_x = np.sin(roll / 2), 0.0, 0.0, np.cos(roll / 2)
        about_y = 0.0, np.sin(pitch / 2), 0.0, np.cos(pitch / 2)
        about_z = 0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)
        nowhere = 0.0, 0.0, 0.0
        pose = pose_matrix(nowhere, about_z) @ pose_matrix(nowhere, about_y) @ pose_matrix(nowhere, about_x)
        pose[:3, 3] = values[:3]
    elif len(values) == 7 and 0.9 < np.linalg.norm(values[3:]) < 1.1:
        pose = pose_matrix(values[:3], values[3:])
    else:
        pose = np.full((4, 4), np.nan)
    if not np.isfinite(pose).all():
        raise ValueError(
            f"'{text}' is no pose: it has to be 'x y z roll pitch yaw' in metres and radians, or 'x y z qx qy qz qw' "
            "with a quaternion of length 1"
        )
    return pose
