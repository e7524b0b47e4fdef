# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Lenses: where a direction meets the image plane at focal length 1, as sensor_msgs/CameraInfo's models say.

Every lens folds back far outside of its picture (a polynomial is one); `reach` finds how far it may be believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

_SAMPLES = 4096
_WIDEST = 20.0
"""Tangent of the largest angle off the optical axis that a pinhole lens is asked for: 87 degrees."""


class Lens(Protocol):
    """One distortion model."""

    def reach(self, radius: float) -> float:
        """What `image_plane` needs to know of the picture: how far off the axis its farthest corner looks.

        Args:
            radius: distance of that corner from the principal point on the image plane, focal length 1.
        """

    def image_plane(self, points: np.ndarray, reach: float) -> tuple[np.ndarray, ...]:
        """Project the points that are not farther off the axis than `reach`.

        Args:
            points: float (3, N), in the optical frame; NaN is left out.
            reach: of `reach`.

        Returns:
            index int64 (M,) into N, then (M,) each: x and y on the image plane, and the depth in metres: along the
            optical axis, or for a fisheye along the ray.
        """


def _last_rising(x: np.ndarray, y: np.ndarray, enough: float) -> float:
    """The x up to which y rises, or with which it has risen to `enough`."""
    falls = np.flatnonzero(~(np.diff(y) > 0))
    end = int(falls[0]) if len(falls) else len(x) - 1
    reached = np.flatnonzero(y[: end + 1] >= enough)
    return float(x[reached[0]] if len(reached) else x[end])


@dataclass(frozen=True)
class Pinhole:
    """CameraInfo's `plumb_bob` (k4 to k6 are 0) and `rational_polynomial`; without distortion all are 0."""

    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0
    k5: float = 0.0
    k6: float = 0.0

    def _stretch(self, r2: np.ndarray) -> np.ndarray:
        """Factor on the distance from the axis, given its square."""
        above = 1.0 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))
        if self.k4 == self.k5 == self.k6 == 0:
            return above
        return above / (1.0 + r2 * (self.k4 + r2 * (self.k5 + r2 * self.k6)))

    def reach(self, radius: float) -> float:
        """Tangent of the angle."""
        tangents = np.linspace(0.0, _WIDEST, _SAMPLES)
        with np.errstate(all="ignore"):
            # The tangential part, which is small, moves points by a few per cent at most.
            return _last_rising(tangents, tangents * self._stretch(tangents**2), 1.05 * radius)

    def image_plane(self, points: np.ndarray, reach: float) -> tuple[np.ndarray, ...]:
        """See `Lens`."""
        x, y, z = points
        with np.errstate(invalid="ignore", over="ignore"):
            index = np.flatnonzero((z > 0) & (np.abs(x) <= reach * z) & (np.abs(y) <= reach * z))
        x, y, depth = x[index], y[index], z[index]
        x, y = x / depth, y / depth
        r2 = x * x + y * y
        near = np.flatnonzero(r2 <= reach * reach)
        index, x, y, r2, depth = index[near], x[near], y[near], r2[near], depth[near]
        if self == NO_DISTORTION:
            return index, x, y, depth
        stretch, xy2 = self._stretch(r2), 2.0 * x * y
        across = x * stretch + self.p1 * xy2 + self.p2 * (r2 + 2.0 * x * x)
        down = y * stretch + self.p1 * (r2 + 2.0 * y * y) + self.p2 * xy2
        return index, across, down, depth


NO_DISTORTION = Pinhole()


@dataclass(frozen=True)
class Equidistant:
    """CameraInfo's `equidistant`, OpenCV's fisheye (Kannala-Brandt): sees beside and behind the image plane, too."""

    k1: float = 0.0
    k2: float = 0.0
    k3: float = 0.0
    k4: float = 0.0

    def _bent(self, angle: np.ndarray) -> np.ndarray:
        a2 = angle * angle
        return angle * (1.0 + a2 * (self.k1 + a2 * (self.k2 + a2 * (self.k3 + a2 * self.k4))))

    def reach(self, radius: float) -> float:
        """The angle, in radians."""
        angles = np.linspace(0.0, np.pi, _SAMPLES)
        return _last_rising(angles, self._bent(angles), radius)

    def image_plane(self, points: np.ndarray, reach: float) -> tuple[np.ndarray, ...]:
        """See `Lens`."""
        x, y, z = points
        with np.errstate(invalid="ignore", over="ignore"):
            off_axis = np.sqrt(x * x + y * y)
            distance = np.sqrt(off_axis * off_axis + z * z)
            # The distance has to be a number, and not 0.
            index = np.flatnonzero((z >= np.cos(reach) * distance) & (distance > 0) & (distance < np.inf))
        x, y, z, off_axis, distance = x[index], y[index], z[index], off_axis[index], distance[index]
        bent = self._bent(np.arctan2(off_axis, z))
        scale = np.divide(bent, off_axis, out=np.zeros_like(bent), where=off_axis > 0)
        return index, x * scale, y * scale, distance
