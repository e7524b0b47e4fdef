# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which points of a cloud a camera cannot see because others are in front of them.

A cloud has gaps: what lies behind a car is seen by a LiDAR on the roof, and shows in the camera's picture between the
points of the car. On a plane the inverse depth is linear in the pixel, so it never is larger on both sides of a point;
between two points of something nearer it is. A depth buffer of small cells is therefore filled between its points,
with the smaller of the largest inverse depths to either side, and a point well below that is hidden. Ground that is
seen at a flat angle, nearer on one side and farther on the other, stays.
"""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
from pydantic import Field

from madm_model.geometry.camera import Camera, Projection
from madm_model.settings import settings

_CELLS = 5
"""Cells that a gap is wide."""


@settings
class OcclusionConfig:
    """What hides what."""

    gap_deg: Annotated[float, Field(ge=0, le=20)] = 1.0
    """The largest angle between neighbouring points of one surface, in degrees, as between the rings of a LiDAR: what
    shows between them from behind is hidden. 0: nothing is hidden, every point in the picture gets a label."""
    margin: Annotated[float, Field(ge=0.001, le=1)] = 0.05
    """How much farther than what is in front of it a point has to be to be hidden, as a share of the distance: for
    noise and calibration."""


def hidden(points: Projection, camera: Camera, config: OcclusionConfig) -> np.ndarray:
    """Find the points that others hide.

    Returns:
        bool (M,), one for each point of the projection.
    """
    if config.gap_deg == 0:
        return np.zeros(len(points.index), bool)
    gap = float(np.deg2rad(config.gap_deg)) * (camera.fx + camera.fy) / 2
    cell = max(gap / _CELLS, 1.0)
    reach = round(gap / cell)
    shape = int(camera.height / cell) + 1, int(camera.width / cell) + 1
    place = (points.row / cell).astype(np.intp) * shape[1] + (points.column / cell).astype(np.intp)
    inverse = (1 / points.depth).astype(np.float32)
    nearest = np.zeros(shape[0] * shape[1], np.float32)
    np.maximum.at(nearest, place, inverse)
    front = _between(nearest.reshape(shape), reach).ravel()[place]
    # Within a cell a plane of a metre's distance from the camera spans that much inverse depth, a nearer one more.
    spread = np.float32(2 * cell / (camera.fx + camera.fy) * 2)
    return front > inverse * np.float32(1 + config.margin) + spread


def _between(nearest: np.ndarray, reach: int) -> np.ndarray:
    """Fill every cell up to the inverse depth that is reached on both sides of it: along its row, then its column."""
    row = np.ones((1, reach + 1), np.uint8)
    for line, first, last in ((row, (0, 0), (reach, 0)), (row.T, (0, 0), (0, reach))):
        nearest = np.minimum(cv2.dilate(nearest, line, anchor=first), cv2.dilate(nearest, line, anchor=last))
    return nearest
