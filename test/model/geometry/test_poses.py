# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Poses from text."""

from __future__ import annotations

import numpy as np
import pytest

from madm_model.geometry.poses import parse_pose, pose_matrix


def test_roll_pitch_and_yaw_turn_about_x_then_y_then_z_as_in_urdf() -> None:
    roll, pitch, yaw = 0.3, -0.7, 1.9
    cos, sin = np.cos, np.sin
    about_x = np.array([[1, 0, 0], [0, cos(roll), -sin(roll)], [0, sin(roll), cos(roll)]])
    about_y = np.array([[cos(pitch), 0, sin(pitch)], [0, 1, 0], [-sin(pitch), 0, cos(pitch)]])
    about_z = np.array([[cos(yaw), -sin(yaw), 0], [sin(yaw), cos(yaw), 0], [0, 0, 1]])
    pose = parse_pose(f"1 -2 3.5 {roll} {pitch} {yaw}")
    np.testing.assert_allclose(pose[:3, :3], about_z @ about_y @ about_x, atol=1e-12)
    assert pose[:, 3].tolist() == [1, -2, 3.5, 1]


def test_a_quaternion_is_taken_with_or_without_commas() -> None:
    """From a LiDAR's axes (x forward, z up) to a camera's (z forward, y down)."""
    pose = parse_pose("0.1, -0.2, 0.3, 0.5, -0.5, 0.5, 0.5")
    np.testing.assert_allclose(pose @ [1.0, 0, 0, 1], [0.1, -0.2, 1.3, 1], atol=1e-12)
    np.testing.assert_allclose(pose @ [0.0, 0, 1, 1], [0.1, -1.2, 0.3, 1], atol=1e-12)
    np.testing.assert_allclose(pose_matrix((0, 0, 0), (0, 0, 0, 2.0)), np.eye(4))


@pytest.mark.parametrize(
    "text", ["1 2 3", "a b c d e f", "0 0 0 0 0 0 0", "0 0 nan 0 0 0", "0 0 0 1 1 1 1", "0 inf 0 0 0 0 1"]
)
def test_what_is_no_pose_says_what_is_one(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}' is no pose: it has to be 'x y z roll pitch yaw' in metres"):
        parse_pose(text)
