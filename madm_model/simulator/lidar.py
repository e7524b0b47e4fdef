# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A LiDAR beside the simulator's cameras, with the true label of every point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from madm_model.simulator.street import StreetSimulator

AXES = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])
"""From the LiDAR's frame (x forward, y left, z up, REP 103) to a frame as the cameras' (x right, y down, z forward)."""

_FOCAL = 400.0
"""Of the picture that beams are looked up in, pixels: a beam goes through a pixel's middle, 0.1 degrees off at most."""


@dataclass(frozen=True)
class LidarConfig:
    """A spinning LiDAR of which the part that looks ahead is simulated."""

    rings: int = 64
    """Beams one above the other."""

    lowest_deg: float = -25.0
    """Elevation of the lowest, degrees, above -45."""

    highest_deg: float = 8.0
    """Elevation of the highest, degrees, below 30."""

    step_deg: float = 0.2
    """Angle between two shots of a ring."""

    side_deg: float = 50.0
    """How far it looks to either side, degrees, below 60."""

    position: tuple[float, float, float] = (0.1, -0.5, -0.4)
    """Metres in the cameras' optical frame: x right, y down, z forward."""

    max_range: float = 100.0
    """Metres; what is farther gives no point."""

    noise: float = 0.02
    """Standard deviation of the range, metres."""

    @property
    def to_camera(self) -> np.ndarray:
        """From the LiDAR's frame to the cameras' optical frame, float64 (4, 4)."""
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = AXES, self.position
        return pose


@dataclass(frozen=True)
class LidarScan:
    """One sweep, as if it took no time."""

    points: np.ndarray
    """float32 (3, N), metres in the LiDAR's frame, ring by ring."""
    labels: np.ndarray
    """uint8 (N,), ids of `labels.STREET_11`."""
    rings: np.ndarray
    """uint16 (N,), 0 is the lowest."""


def scan(simulator: StreetSimulator, time_s: float, config: LidarConfig | None = None) -> LidarScan:
    """What the LiDAR measures at a moment, in seconds; the same moment gives the same scan."""
    config = config or LidarConfig()
    half_width = int(np.ceil(_FOCAL * np.tan(np.deg2rad(config.side_deg)))) + 1
    steepest = np.deg2rad(max(abs(config.lowest_deg), abs(config.highest_deg)))
    half_height = int(np.ceil(_FOCAL * np.tan(steepest) / np.cos(np.deg2rad(config.side_deg)))) + 1
    size = 2 * half_width + 1, 2 * half_height + 1
    depth, labels = simulator.look_from(time_s, np.array(config.position), *size, _FOCAL)
    around = np.deg2rad(np.arange(config.side_deg, -config.side_deg, -config.step_deg))
    elevations = np.deg2rad(np.linspace(config.lowest_deg, config.highest_deg, config.rings))
    left, up = np.meshgrid(np.tan(around), np.tan(elevations))
    columns = np.rint(half_width - _FOCAL * left).astype(int)
    rows = np.rint(half_height - _FOCAL * up * np.hypot(1, left)).astype(int)
    rays = np.stack([np.ones(left.shape), (half_width - columns) / _FOCAL, (half_height - rows) / _FOCAL])
    length = np.linalg.norm(rays, axis=0)
    along = depth[rows, columns].astype(np.float64)
    hit = along * length < config.max_range
    rng = np.random.default_rng([simulator.seed, round(time_s * 1e6), 20])
    along[hit] += rng.normal(0, config.noise, hit.sum()) / length[hit]
    rings = np.broadcast_to(np.arange(config.rings, dtype=np.uint16)[:, None], hit.shape)
    points = rays[:, hit] * along[hit]
    return LidarScan(points.astype(np.float32), labels[rows, columns][hit], rings[hit])
