# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Labels of a camera's picture on the points of any cloud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from madm_model.geometry.camera import Camera
from madm_model.geometry.occlusion import OcclusionConfig, hidden
from madm_model.labels import IGNORE


@dataclass(frozen=True)
class PointLabels:
    """What a picture says about each point of a cloud."""

    label: np.ndarray
    """uint8 (N,), class ids; 255 where the camera does not see the point, or does not know."""
    confidence: np.ndarray
    """uint8 (N,), 255 is certain; 0 where the camera does not see the point."""
    pixel: np.ndarray
    """int64 (N,), the pixel that shows the point, row by row; -1 where none does."""
    in_picture: int
    """Number of points that lie in the picture, seen or hidden."""


def label_points(
    points: np.ndarray,
    to_camera: np.ndarray,
    camera: Camera,
    labels: np.ndarray,
    confidence: np.ndarray,
    occlusion: OcclusionConfig,
) -> PointLabels:
    """Give each point the label of the pixel that shows it.

    Args:
        points: float (3, N), metres in the cloud's frame; NaN where there is none.
        to_camera: float64 (4, 4), from the cloud's frame to the camera's optical frame; where the camera has moved
            between the two stamps, from the cloud at its time to the camera at the picture's.
        camera: that took the picture.
        labels: uint8 (H, W), class ids, 255 where unlabelled.
        confidence: uint8 (H, W), 255 is certain.
        occlusion: what hides what.
    """
    if camera.from_optical is not None:
        to_camera = camera.from_optical @ to_camera
    moved = to_camera[:3, :3].astype(points.dtype) @ points + to_camera[:3, 3:].astype(points.dtype)
    seen = camera.project(moved)
    shown = np.flatnonzero(~hidden(seen, camera, occlusion))
    row, column = (seen.row[shown] + 0.5).astype(np.int64), (seen.column[shown] + 0.5).astype(np.int64)
    index, at = seen.index[shown], row * camera.width + column
    count = points.shape[1]
    pixel = np.full(count, -1, np.int64)
    pixel[index] = at
    label, sure = np.full(count, IGNORE, np.uint8), np.zeros(count, np.uint8)
    label[index], sure[index] = labels.ravel()[at], confidence.ravel()[at]
    return PointLabels(label, sure, pixel, len(seen.index))
