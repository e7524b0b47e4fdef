# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from madm_ros.segmentation.cloud_geometry import PinholeCamera, labelled_points

CAMERA = PinholeCamera(fx=100.0, fy=50.0, cx=2.0, cy=1.0, width=4, height=3)


def _points(depth: np.ndarray) -> np.ndarray:
    labels = np.arange(depth.size, dtype=np.uint8).reshape(depth.shape)
    confidence = np.full(depth.shape, 51, np.uint8)
    colours = np.zeros((256, 3), np.uint8)
    colours[5] = (1, 2, 3)
    return labelled_points(depth, CAMERA, labels, confidence, colours)


def test_points_project_back_onto_their_pixels() -> None:
    depth = np.linspace(0.5, 40.0, 12, dtype=np.float32).reshape(3, 4)
    points = _points(depth)
    rows, columns = np.mgrid[0:3, 0:4]
    np.testing.assert_allclose(points["x"] / points["z"] * CAMERA.fx + CAMERA.cx, columns, atol=1e-4)
    np.testing.assert_allclose(points["y"] / points["z"] * CAMERA.fy + CAMERA.cy, rows, atol=1e-4)
    np.testing.assert_array_equal(points["z"], depth)


@pytest.mark.parametrize("invalid", [0.0, -1.0, np.nan, np.inf])
def test_invalid_depth_is_nan_in_all_coordinates_and_keeps_its_label(invalid: float) -> None:
    depth = np.ones((2, 2), np.float32)
    depth[0, 1] = invalid
    points = _points(depth)
    for axis in "xyz":
        np.testing.assert_array_equal(np.isnan(points[axis]), [[False, True], [False, False]])
    assert points["label"][0, 1] == 1


def test_colour_label_and_confidence() -> None:
    points = _points(np.ones((2, 4), np.float32))
    assert points["label"].tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert points["rgb"].view(np.uint32)[1, 1] == 0x010203
    np.testing.assert_allclose(points["confidence"], 0.2)


def test_intrinsics_come_from_p_then_k() -> None:
    p = [10.0, 0, 3, 0, 0, 20, 4, 0, 0, 0, 1, 0]
    k = [30.0, 0, 5, 0, 40, 6, 0, 0, 1]
    assert PinholeCamera.from_camera_info(SimpleNamespace(p=p, k=k, width=7, height=8)) == PinholeCamera(
        10, 20, 3, 4, 7, 8
    )
    assert PinholeCamera.from_camera_info(SimpleNamespace(p=[0.0] * 12, k=k, width=7, height=8)) == PinholeCamera(
        30, 40, 5, 6, 7, 8
    )
    assert PinholeCamera.from_camera_info(SimpleNamespace(p=[0.0] * 12, k=[0.0] * 9)) is None
