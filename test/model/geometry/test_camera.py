# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Points to pixels, compared with OpenCV's projection."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from camera_samples import DISTORTIONS, camera_info

from madm_model.geometry.camera import camera_from_info
from madm_model.io.frames import InputError

EVERYWHERE = np.random.default_rng(3).uniform(-20, 20, (3, 20_000))


def opencv_pixels(points: np.ndarray, model: str, d: list[float], info: SimpleNamespace) -> np.ndarray:
    """OpenCV's pixels of the points, (N, 2); it does not tell which of them are behind the camera."""
    project = cv2.fisheye.projectPoints if model == "equidistant" else cv2.projectPoints
    pixels, _ = project(
        np.ascontiguousarray(points.T[:, None]), np.zeros(3), np.zeros(3), info.k.reshape(3, 3), np.array(d)
    )
    return pixels[:, 0]


@pytest.mark.parametrize("model", DISTORTIONS)
@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_points_project_as_opencv_projects_them(model: str, precision: type) -> None:
    info = camera_info(model)
    seen = camera_from_info(info).project(EVERYWHERE.astype(precision))
    assert 200 < len(seen.index) < 10_000
    points = EVERYWHERE[:, seen.index]
    expected = opencv_pixels(points, model, info.d, info)
    np.testing.assert_allclose(np.stack([seen.column, seen.row], 1), expected, atol=2e-3)
    depth = np.linalg.norm(points, axis=0) if model == "equidistant" else points[2]
    np.testing.assert_allclose(seen.depth, depth, rtol=1e-6)


@pytest.mark.parametrize("model", DISTORTIONS)
def test_every_pixel_is_reached_and_nothing_that_looks_elsewhere(model: str) -> None:
    """The way back by OpenCV: the rays of all pixels, and a wide ring of rays around the picture."""
    info = camera_info(model)
    camera = camera_from_info(info)
    rows, columns = (grid.ravel().astype(float) for grid in np.mgrid[0:64, 0:96])
    undistort = cv2.fisheye.undistortPoints if model == "equidistant" else cv2.undistortPoints
    rays = undistort(np.stack([columns, rows], 1)[:, None], info.k.reshape(3, 3), np.array(info.d))[:, 0]
    points = np.stack([rays[:, 0], rays[:, 1], np.ones(len(rays))]) * 7
    # What OpenCV itself brings back to its pixel; its undistortPoints stops after a few steps.
    exact = np.abs(opencv_pixels(points, model, info.d, info) - np.stack([columns, rows], 1)).max(1) < 0.2
    assert exact.mean() > 0.9
    seen = camera.project(points)
    assert set(np.flatnonzero(exact)) <= set(seen.index.tolist())
    angle = np.deg2rad(np.arange(0, 360, 5))
    for off_axis in np.deg2rad([75, 80, 85, 89, 91, 120, 180]):
        ring = np.stack(
            [np.cos(angle) * np.sin(off_axis), np.sin(angle) * np.sin(off_axis), np.full(72, np.cos(off_axis))]
        )
        assert len(camera.project(ring).index) == 0


def test_a_polynomial_that_folds_back_does_not_show_what_is_beside_the_camera() -> None:
    """OpenCV's formula puts the point in the middle of the picture."""
    info = camera_info("plumb_bob", [-0.5, 0.0, 0.0, 0.0, 0.0])
    beside = np.array([[np.sqrt(2.0)], [0.0], [1.0]])
    ((column, row),) = opencv_pixels(beside, "plumb_bob", info.d, info)
    assert (column, row) == pytest.approx((47.0, 30.5), abs=0.1)
    assert len(camera_from_info(info).project(beside).index) == 0


def test_what_is_no_point_is_left_out() -> None:
    good = np.array([0.1, 0.2, 3.0])
    bad = [[np.nan] * 3, [0, 0, 0], [0.1, 0.2, -3.0], [np.inf, 0, 1], [0, np.nan, 1], [0, 0, np.inf]]
    points = np.array([good, *bad]).T.astype(np.float32)
    for model in DISTORTIONS:
        seen = camera_from_info(camera_info(model)).project(points).index.tolist()
        assert [index for index in seen if index != 6] == [0]  # infinitely far along the axis is in the picture


def test_rectified_pictures_have_p_and_r_for_the_calibration() -> None:
    turn = cv2.Rodrigues(np.array([0.02, -0.05, 0.01]))[0]
    info = camera_info("plumb_bob", r=turn.ravel())
    info.p[3] = -55.0 * 0.12
    camera = camera_from_info(info, rectified=True)
    point = np.array([0.4, -0.3, 5.0])
    moved = camera.from_optical[:3, :3] @ point + camera.from_optical[:3, 3]
    seen = camera.project(moved[:, None])
    u, v, w = info.p.reshape(3, 4) @ np.append(turn @ point, 1.0)
    assert (seen.column[0], seen.row[0]) == pytest.approx((u / w, v / w))


def test_a_region_and_binning_shift_and_shrink_the_picture() -> None:
    whole = camera_from_info(camera_info()).project(EVERYWHERE)
    roi = SimpleNamespace(x_offset=10, y_offset=20, width=60, height=40)
    part = camera_from_info(camera_info(roi=roi, binning_x=2, binning_y=4))
    assert (part.width, part.height) == (30, 10)
    seen = part.project(EVERYWHERE)
    at = np.searchsorted(whole.index, seen.index)
    np.testing.assert_allclose(seen.column, (whole.column[at] - 10) / 2)
    np.testing.assert_allclose(seen.row, (whole.row[at] - 20) / 4)


def test_no_distortion_whatever_the_model_is_called() -> None:
    expected = camera_from_info(camera_info("plumb_bob", [0.0] * 5)).project(EVERYWHERE)
    for model, d in (("", []), ("none", []), ("rational_polynomial", [0.0] * 14)):
        np.testing.assert_array_equal(camera_from_info(camera_info(model, d)).project(EVERYWHERE).row, expected.row)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "ftheta", "d": [1.0, 2.0]}, "distortion model 'ftheta' with 2 values: it has to be plumb_bob"),
        ({"model": "equidistant", "d": [0.1] * 5}, "'equidistant' with 5 values"),
        ({"model": "rational_polynomial", "d": [0.1] * 14}, "'rational_polynomial' with 14 values"),
        ({"d": [np.nan] * 5}, "no numbers"),
        ({"k": np.zeros(9)}, "has no K: calibrate the camera, or set rectified to true"),
        ({"width": 0}, "nothing of the picture's size"),
    ],
)
def test_a_calibration_that_cannot_be_used_says_so(changes: dict, words: str) -> None:
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        camera_from_info(camera_info(**changes))


def test_a_rectified_camera_needs_p() -> None:
    with pytest.raises(InputError, match="has no P: calibrate the camera, or set rectified to false"):
        camera_from_info(camera_info(p=np.zeros(12)), rectified=True)
