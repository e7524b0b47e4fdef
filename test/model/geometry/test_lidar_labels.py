# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Labels on a simulated LiDAR's points, against what the simulator knows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from madm_model.geometry.camera import Camera
from madm_model.geometry.occlusion import OcclusionConfig
from madm_model.geometry.point_labels import label_points
from madm_model.labels import IGNORE, STREET_11
from madm_model.simulator import SimulatorConfig, StreetSimulator
from madm_model.simulator.lidar import LidarConfig, scan

ROAD = STREET_11.names.index("road")
SMALL = {"step_deg": 0.3, "side_deg": 38.0, "lowest_deg": -18.0}
LIDAR = LidarConfig(**SMALL, position=(0.3, -1.5, -1.0))
"""On the roof: it sees much that the camera does not."""


@dataclass(frozen=True)
class Scores:
    """Points in the picture."""

    seen: np.ndarray
    """bool, the camera sees the point, too."""
    as_pixel: np.ndarray
    """bool, it has got its pixel's label."""
    labelled: np.ndarray
    """bool, it has got one."""
    right: np.ndarray
    """bool, it has got its own true one."""


def score(street: int, later_s: float = 0.0, lidar: LidarConfig = LIDAR) -> Scores:
    """A picture of a street, and a scan that comes some time later."""
    simulator = StreetSimulator(street, SimulatorConfig(width=240, height=180))
    frame = simulator.frame(5.0)
    points = scan(simulator, 5.0 + later_s, lidar)
    k = simulator.camera_matrix
    camera = Camera(k[0, 0], k[1, 1], k[0, 2], k[1, 2], 240, 180)
    to_camera = np.linalg.inv(simulator.camera_pose(5.0)) @ simulator.camera_pose(5.0 + later_s) @ lidar.to_camera
    result = label_points(
        points.points, to_camera, camera, frame.labels, np.full_like(frame.labels, 255), OcclusionConfig()
    )
    shown = camera.project(to_camera[:3, :3] @ points.points + to_camera[:3, 3:])
    pixel = np.rint(shown.row).astype(int), np.rint(shown.column).astype(int)
    label = result.label[shown.index]
    return Scores(
        seen=np.abs(frame.depth[pixel] - shown.depth) < 0.1 + 0.03 * shown.depth,
        as_pixel=label == frame.labels[pixel],
        labelled=label != IGNORE,
        right=label == points.labels[shown.index],
    )


@cache
def one_street() -> Scores:
    return score(101)


def test_points_that_both_see_have_their_pixels_label() -> None:
    scores = one_street()
    assert scores.seen.sum() > 5000
    assert scores.as_pixel[scores.seen].mean() >= 0.99


def test_few_points_that_the_camera_cannot_see_have_a_label() -> None:
    scores = one_street()
    assert (~scores.seen).sum() > 1000
    assert scores.labelled[~scores.seen].mean() < 0.4
    assert scores.right[scores.labelled].mean() > 0.95


def test_a_scan_that_comes_later_fits_where_the_camera_has_been() -> None:
    """The robot has driven half a metre or more: without its motion few depths would agree."""
    scores = score(100, 0.1, LidarConfig(**SMALL))
    assert scores.seen.mean() > 0.85
    assert scores.as_pixel[scores.seen].mean() >= 0.98  # cars have moved meanwhile, which no transform tells


def test_from_the_cameras_own_place_everything_looks_as_in_its_picture() -> None:
    simulator = StreetSimulator(3, SimulatorConfig(width=120, height=90))
    frame = simulator.frame(2.0)
    depth, labels = simulator.look_from(2.0, np.zeros(3), 120, 90, simulator.camera_matrix[0, 0])
    np.testing.assert_allclose(depth, frame.depth, rtol=1e-5)
    np.testing.assert_array_equal(labels, frame.labels)


def test_a_scan_is_as_configured_and_the_same_again() -> None:
    config = LidarConfig(rings=32, side_deg=15.0, lowest_deg=-9.0, highest_deg=3.0)
    points, again = scan(StreetSimulator(3), 2.0, config), scan(StreetSimulator(3), 2.0, config)
    assert points.points.dtype == np.float32 and points.labels.dtype == np.uint8 and points.rings.dtype == np.uint16
    assert points.points.shape == (3, len(points.labels)) == (3, len(points.rings))
    np.testing.assert_array_equal(points.points, again.points)
    x, y, z = points.points
    assert np.linalg.norm(points.points, axis=0).max() <= 100.2
    assert 14 < np.rad2deg(np.arctan2(np.abs(y), x)).max() <= 15.2
    elevation = np.rad2deg(np.arctan2(z, np.hypot(x, y)))
    assert np.abs(elevation - np.linspace(-9, 3, 32)[points.rings]).max() < 0.15


def test_the_road_of_a_street_that_bends_is_level_wherever_it_is_scanned() -> None:
    simulator = StreetSimulator(next(seed for seed in range(50) if StreetSimulator(seed).style.curvature))
    lidar = LidarConfig(rings=32, side_deg=25.0, lowest_deg=-15.0, highest_deg=-5.0, position=LIDAR.position)
    points = scan(simulator, 9.0, lidar)
    world = simulator.camera_pose(9.0) @ lidar.to_camera @ np.vstack([points.points, np.ones(len(points.labels))])
    road = world[1][points.labels == ROAD]
    assert len(road) > 1000
    assert np.abs(road).max() < 0.25
