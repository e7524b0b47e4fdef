# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Labels on points: what is seen, what is hidden, and where the camera has moved."""

from __future__ import annotations

import numpy as np
import pytest

from madm_model.geometry.camera import Camera
from madm_model.geometry.occlusion import OcclusionConfig, hidden
from madm_model.geometry.point_labels import PointLabels, label_points
from madm_model.labels import IGNORE

CAMERA = Camera(100.0, 100.0, 79.5, 59.5, 160, 120)
STILL = np.eye(4)


def plane(z: float, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Points (3, N) at that depth, one behind each pixel of a grid."""
    column, row = (grid.ravel() for grid in np.meshgrid(columns, rows))
    return np.stack([(column - 79.5) / 100 * z, (row - 59.5) / 100 * z, np.full(column.shape, z)])


def ground(height: float, spacing_deg: float) -> np.ndarray:
    """Points (3, N) of a level road under a camera, in rings as a LiDAR at the camera's place gives them."""
    down, around = np.meshgrid(np.deg2rad(np.arange(1.0, 30.0, spacing_deg)), np.deg2rad(np.arange(-40, 40, 0.2)))
    distance = height / np.tan(down.ravel())
    return np.stack([distance * np.sin(around.ravel()), np.full(down.size, height), distance * np.cos(around.ravel())])


def hide(points: np.ndarray, **values: float) -> np.ndarray:
    seen = CAMERA.project(points)
    assert len(seen.index) == points.shape[1], "the test's points have to lie in the picture"
    return hidden(seen, CAMERA, OcclusionConfig(**values))


def label(points: np.ndarray, to_camera: np.ndarray = STILL, camera: Camera = CAMERA) -> PointLabels:
    """With labels that name their pixel's column and a confidence that names its row."""
    rows, columns = np.mgrid[0 : camera.height, 0 : camera.width].astype(np.uint8)
    return label_points(points, to_camera, camera, columns, rows, OcclusionConfig())


def test_a_point_has_what_its_pixel_says() -> None:
    points = plane(5.0, np.array([0.4, 20.4, 159.4]), np.array([-0.4, 50.4, 119.4]))
    result = label(points.astype(np.float32))
    assert result.label.tolist() == [0, 20, 159] * 3
    assert result.confidence.tolist() == [0] * 3 + [50] * 3 + [119] * 3
    assert result.pixel.tolist() == [row * 160 + column for row in (0, 50, 119) for column in (0, 20, 159)]
    assert result.in_picture == 9


def test_points_beside_and_behind_the_camera_have_no_label() -> None:
    points = np.array([[0, 0, -5.0], [9, 0, 5], [-9, 0, 5], [0, 9, 5], [0, -9, 5], [np.nan] * 3, [0, 0, 5]]).T
    result = label(points)
    assert result.label.tolist() == [IGNORE] * 6 + [80]
    assert result.confidence.tolist() == [0] * 6 + [60]
    assert result.pixel.tolist() == [-1] * 6 + [60 * 160 + 80]


def test_no_point_at_all_is_fine() -> None:
    assert label(np.zeros((3, 0), np.float32)).label.shape == (0,)


def test_a_camera_that_has_moved_meanwhile_is_told_by_the_transform() -> None:
    """The robot drives 1 m ahead and turns after the scan: the picture is taken from there."""
    camera_then = np.array([0.2, 0.0, 1.0])
    turned = np.array([[np.cos(0.1), 0, -np.sin(0.1)], [0, 1, 0], [np.sin(0.1), 0, np.cos(0.1)]])
    to_camera = np.eye(4)
    to_camera[:3, :3], to_camera[:3, 3] = turned, -turned @ camera_then
    target = plane(6.0, np.array([30.0]), np.array([70.0]))
    in_scan = turned.T @ target + camera_then[:, None]
    assert label(in_scan, to_camera).pixel.tolist() == [70 * 160 + 30]
    assert label(in_scan).pixel.tolist() != [70 * 160 + 30]


def test_what_is_behind_something_is_hidden_though_it_shows_between_its_points() -> None:
    car = plane(5.0, np.arange(40, 80, 2.0), np.arange(30, 60, 3.0))
    behind = plane(15.0, np.arange(46, 74, 1.3), np.arange(35, 52, 1.7))
    result = hide(np.concatenate([car, behind], 1))
    assert not result[: car.shape[1]].any()
    assert result[car.shape[1] :].all()


def test_what_is_beside_something_is_not_hidden() -> None:
    car = plane(5.0, np.arange(40, 80, 2.0), np.arange(30, 60, 3.0))
    beside = np.concatenate([plane(15.0, np.arange(82, 100, 1.0), np.arange(30, 60, 2.0)),
                             plane(15.0, np.arange(40, 80, 1.0), np.arange(63, 80, 2.0))], 1)  # fmt: skip
    assert not hide(np.concatenate([car, beside], 1)).any()


@pytest.mark.parametrize("spacing_deg", [0.2, 0.4, 2.0])
@pytest.mark.parametrize("height", [0.4, 1.5])
def test_ground_seen_at_a_flat_angle_does_not_hide_itself(height: float, spacing_deg: float) -> None:
    points = ground(height, spacing_deg)
    points = points[:, CAMERA.project(points).index]
    assert points[2].max() > 15 * height
    assert not hide(points).any()


def test_a_wall_that_runs_away_from_the_camera_does_not_hide_itself() -> None:
    z, y = (grid.ravel() for grid in np.meshgrid(1 / np.linspace(1 / 40, 1 / 2.2, 60), np.linspace(-0.9, 0.9, 20)))
    points = np.stack([np.full(z.shape, 1.5), y, z])
    assert not hide(points[:, CAMERA.project(points).index]).any()


def test_noise_within_the_margin_hides_nothing() -> None:
    points = plane(20.0, np.arange(20, 140, 1.0), np.arange(20, 100, 1.0))
    points *= 1 + np.random.default_rng(0).uniform(-0.02, 0.02, points.shape[1])
    assert not hide(points).any()
    assert hide(plane(5.0, np.arange(20, 140, 1.0), np.arange(20, 100, 1.0))).sum() == 0


def test_a_gap_wider_than_said_lets_through() -> None:
    posts = plane(5.0, np.array([40.0, 60.0]), np.arange(30, 60, 1.0))
    behind = plane(15.0, np.array([50.0]), np.arange(35, 55, 1.0))
    both = np.concatenate([posts, behind], 1)
    assert not hide(both, gap_deg=2.0).any()
    assert hide(both, gap_deg=12.0)[posts.shape[1] :].all()


def test_occlusion_can_be_switched_off() -> None:
    wall = plane(5.0, np.arange(40, 80, 1.0), np.arange(30, 60, 1.0))
    both = np.concatenate([wall, plane(15.0, np.array([60.0]), np.array([45.0]))], 1)
    assert hide(both).sum() == 1
    assert hide(both, gap_deg=0.0).sum() == 0


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="gap_deg is -1"):
        OcclusionConfig(gap_deg=-1.0)


def test_points_at_the_pictures_edge_are_within_the_depth_buffer() -> None:
    camera = Camera(321.0, 321.0, 79.5, 59.5, 160, 120)
    edge = np.array([[-0.499, -0.499], [159.499, 119.499], [159.499, -0.499]]).T
    points = np.stack([(edge[0] - 79.5) / 321, (edge[1] - 59.5) / 321, np.ones(3)])
    for gap_deg in (0.1, 0.7, 1.0, 2.0, 3.3, 20.0):
        seen = camera.project(points)
        assert hidden(seen, camera, OcclusionConfig(gap_deg=gap_deg)).tolist() == [False] * 3
