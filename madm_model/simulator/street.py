# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The simulator: one street per seed, one frame per moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from madm_model.simulator.blocks import LENGTH, Block, build_block
from madm_model.simulator.close_people import ClosePeople
from madm_model.simulator.config import SimulatorConfig
from madm_model.simulator.ground import find_ground, ground_paints
from madm_model.simulator.raster import View, draw
from madm_model.simulator.shading import Scene, develop, shade_scene
from madm_model.simulator.street_style import quieten, sample_style
from madm_model.simulator.surfaces import Quads, join_quads, join_strips
from madm_model.simulator.thermal import ThermalSensor
from madm_model.simulator.traffic import Traffic

AHEAD = 120.0
"""How far along the street things are drawn, metres."""

BEHIND = 8.0
"""How far behind the camera they are kept, metres."""


@dataclass(frozen=True)
class SimulatedFrame:
    """What all sensors see at one moment, pixel for pixel the same view.

    Attributes:
        time_s: seconds since the start of the drive.
        rgb: uint8 (H, W, 3), RGB.
        depth: float32 (H, W), metres along the optical axis; inf in the sky and only there.
        thermal: uint16 (H, W), 100 x kelvin (29315 is 20 degrees Celsius).
        labels: uint8 (H, W), ids of `labels.STREET_11`; every pixel has a class.
    """

    time_s: float
    rgb: np.ndarray
    depth: np.ndarray
    thermal: np.ndarray
    labels: np.ndarray


class StreetSimulator:
    """An endless drive through one procedural street.

    A frame depends on the seed, the configuration and its time only: frames may be asked for in any order and as
    densely in time as events need.

    Args:
        seed: 0 or more; chooses street, light, weather, camera and traffic.
        config: image size and what the seed must not choose.

    Raises:
        ValueError: the seed is negative.
    """

    def __init__(self, seed: int, config: SimulatorConfig | None = None) -> None:
        if seed < 0:
            raise ValueError(f"the simulator's seed must be 0 or more, not {seed}")
        self.seed = seed
        self.config = config or SimulatorConfig()
        style = sample_style(seed, self.config.time_of_day)
        self.style = style = quieten(style) if self.config.place == "quiet" else style
        rng = np.random.default_rng([seed, 18])
        field_of_view = np.deg2rad(rng.uniform(52, 88))
        self._focal = self.config.width / 2 / np.tan(field_of_view / 2)
        self._height = float(rng.uniform(1.2, 2.3))
        self._pitch = float(np.deg2rad(rng.uniform(-2.0, 6.0)))
        self._yaw = float(np.deg2rad(rng.normal(0, 7.0)))
        self._speed = float(rng.uniform(5.0, 12.0))
        lane = (style.half_width - (2.2 if style.parking else 0.3)) / style.lanes
        right = 1 if style.right_hand else -1
        self._lane = right * lane * (int(rng.integers(style.lanes)) + 0.5)
        # Sway: amplitude, frequency (Hz) and phase of three waves for each of n, height, yaw, pitch, roll.
        amplitude = np.array([0.12, 0.012, 0.012, 0.006, 0.007])[:, None] * rng.uniform(0.2, 1.0, (5, 3))
        frequency = np.stack([rng.uniform(low, 3 * low, 3) for low in (0.05, 0.5, 0.07, 0.3, 0.25)])
        self._sway = (amplitude, frequency, rng.uniform(0, 2 * np.pi, (5, 3)))
        self._traffic = Traffic(style, self._lane, self._speed)
        self._close_people = ClosePeople(style) if self.config.close_people else None
        self._sensor = ThermalSensor(seed, (self.config.height, self.config.width), self.config.sensor_noise)
        self._ground = ground_paints(style)
        self._blocks: dict[int, Block] = {}

    @property
    def camera_matrix(self) -> np.ndarray:
        """K of all cameras, float64 (3, 3); pixel centres at whole numbers, no distortion."""
        centre_x, centre_y = (self.config.width - 1) / 2, (self.config.height - 1) / 2
        return np.array([[self._focal, 0.0, centre_x], [0.0, self._focal, centre_y], [0.0, 0.0, 1.0]])

    def frame(self, time_s: float) -> SimulatedFrame:
        """Render the moment `time_s`, in seconds, 0 or more."""
        view, ego, rotation = self._view(time_s)
        scene = self._scene(time_s, view, ego, rotation)
        shape = (view.height, view.width)
        return SimulatedFrame(
            time_s=time_s,
            rgb=develop(self.style, view, scene, time_s, self.config.sensor_noise),
            depth=scene.depth.reshape(shape),
            thermal=self._sensor.counts(scene.temperature.reshape(shape), time_s),
            labels=scene.label.reshape(shape),
        )

    def camera_pose(self, time_s: float) -> np.ndarray:
        """Where the cameras are: float64 (4, 4), from their optical frame to the world."""
        view, _, _ = self._view(time_s)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = view.rotation.T, view.position
        return pose

    def look_from(
        self, time_s: float, position: np.ndarray, width: int, height: int, focal: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """What a pinhole camera beside the others sees, with its axes along theirs.

        Args:
            time_s: seconds, 0 or more.
            position: float (3,), metres in the cameras' optical frame; a few metres at most.
            width: of the picture in pixels; its principal point is in the middle.
            height: of the picture in pixels.
            focal: pixels.

        Returns:
            depth float32 (H, W) and labels uint8 (H, W), as in `SimulatedFrame`.
        """
        view, (s, n, _), rotation = self._view(time_s)
        aside = rotation.T @ position  # in the street's frame at s
        along, n = self.style.locate(np.array([n + aside[0]]), aside[[2]])
        s, n, up = float(s + along[0]), float(n[0]), float(view.position[1] + aside[1])
        moved = View(width, height, focal, view.position + view.rotation.T @ position, view.rotation)
        scene = self._scene(time_s, moved, (s, n, up), view.rotation @ self._from_world(s).T)
        return scene.depth.reshape(height, width), scene.label.reshape(height, width)

    def _scene(self, time_s: float, view: View, ego: tuple[float, float, float], rotation: np.ndarray) -> Scene:
        """What each pixel sees.

        Args:
            view: the camera.
            ego: its s, n and height.
            rotation: from the street's frame there to the camera.
        """
        s, n, height = ego
        blocks = self._blocks_in_sight(s)
        quads, strips = self._traffic.at(time_s, s - BEHIND, s + AHEAD)
        strips += [block.strips for block in blocks.values()]
        if self._close_people is not None:
            _, (ego_s, ego_n, _), _ = self._view(time_s)  # a camera beside that one sees the same people
            strips += self._close_people.at(time_s, ego_s, ego_n)
        facing: Quads = join_strips(strips).facing(view.position)
        visible = draw(join_quads([*quads, *(block.quads for block in blocks.values()), facing]), view)
        # Rays in the street's frame at the camera: x right, y up, z along the street.
        x = np.tile(view.xs, view.height)
        y = np.repeat(view.ys, view.width)
        turn = rotation.astype(np.float32)
        right, up, ahead = (turn[0, k] * x + turn[1, k] * y + turn[2, k] for k in range(3))
        pixels = np.flatnonzero((visible.surface.ravel() == 0) & (up < -1e-4))
        ground = find_ground(self.style, blocks, s, n, height, (right[pixels], up[pixels], ahead[pixels]), view.focal)
        return shade_scene(self.style, view, visible, ground, pixels, self._ground, (right, up, ahead), ego)

    def _from_world(self, s: float) -> np.ndarray:
        """Rotation from the world to the street's frame at s."""
        angle = s * self.style.curvature
        cos, sin = np.cos(angle), np.sin(angle)
        return np.array([[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]])

    def _view(self, time_s: float) -> tuple[View, tuple[float, float, float], np.ndarray]:
        """The camera at a moment; its s, n and height; and the rotation from the street's frame there to the camera."""
        amplitude, frequency, phase = self._sway
        sway = (amplitude * np.sin(2 * np.pi * frequency * time_s + phase)).sum(1)
        s = self._speed * time_s + 0.3 * self._speed * np.sin(0.35 * time_s)
        n, height = self._lane + sway[0], self._height + sway[1]
        yaw, pitch, roll = self._yaw + sway[2], self._pitch + sway[3], sway[4]
        cos, sin = np.cos, np.sin
        heading = np.array([[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]])
        tilt = np.array([[1, 0, 0], [0, cos(pitch), sin(pitch)], [0, -sin(pitch), cos(pitch)]])
        bank = np.array([[cos(roll), sin(roll), 0], [-sin(roll), cos(roll), 0], [0, 0, 1]])
        rotation = np.diag([1.0, -1.0, 1.0]) @ bank @ tilt @ heading  # y turns to point down
        position = self.style.point(s, n)
        position[1] = height
        view = View(self.config.width, self.config.height, float(self._focal), position, rotation @ self._from_world(s))
        return view, (float(s), float(n), float(height)), rotation

    def _blocks_in_sight(self, s: float) -> dict[int, Block]:
        wanted = range(int(np.floor((s - BEHIND) / LENGTH)), int(np.floor((s + AHEAD) / LENGTH)) + 1)
        self._blocks = {k: self._blocks.get(k) or build_block(self.style, k) for k in wanted}
        return self._blocks


def sample_frame(seed: int, config: SimulatorConfig | None = None) -> SimulatedFrame:
    """A random moment of a random street: independent frames for training, one per seed."""
    simulator = StreetSimulator(seed, config)
    return simulator.frame(float(np.random.default_rng([seed, 19]).uniform(0.0, 60.0)))
