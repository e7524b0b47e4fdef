# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What one seed's street is like: its shape, how it is built up and how busy it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from madm_model.simulator.lighting import Climate, Lighting, sample_climate, sample_lighting
from madm_model.simulator.surfaces import Colour, Frame


@dataclass(frozen=True)
class StreetStyle:
    """One street. Lengths in metres; s runs along the centre line, n to the right of it."""

    seed: int
    lighting: Lighting
    climate: Climate
    curvature: float
    """1 / radius; positive bends to the right."""
    half_width: float
    """Centre line to kerb."""
    lanes: int
    """Lanes on each side."""
    right_hand: bool
    kerb: float
    """Height of the sidewalk over the road."""
    verge: float
    """Width of the strip between kerb and sidewalk, 0 for none."""
    sidewalk: float
    setback: float
    """Sidewalk to the house fronts where there are front yards."""
    parking: float
    """Share of the parking places taken; a parking lane runs along both kerbs if positive."""
    centre_line: int
    """0 none, 1 dashed, 2 solid, 3 double."""
    edge_line: bool
    line_colour: Colour
    paved_yards: bool
    lot_weights: tuple[float, ...]
    """Weights of `lots.LOT_KINDS`."""
    storeys: tuple[int, int]
    tree_gap: float
    """Distance between street trees, 0 for none."""
    tree_size: tuple[float, float]
    """Smallest and largest street tree, as a factor on its size."""
    lamp_gap: float
    lamp_both: bool
    sign_density: float
    """Signs per 30 m and side."""
    crossing_share: float
    traffic_gap: float
    """Mean distance between moving vehicles of one lane."""
    people_gap: float
    """Mean distance between the walkers of one direction on one sidewalk."""
    season: Colour
    """Factor on the colour of leaves."""
    road_colour: Colour
    sidewalk_colour: Colour
    sidewalk_pattern: int

    @property
    def curb_to_front(self) -> float:
        """Centre line to the outer edge of the sidewalk."""
        return self.half_width + self.verge + self.sidewalk

    def point(self, s: float | np.ndarray, n: float | np.ndarray) -> np.ndarray:
        """World coordinates (..., 3) of street coordinates, on the ground."""
        s, n = np.broadcast_arrays(np.asarray(s, float), np.asarray(n, float))
        if self.curvature == 0.0:
            return np.stack([n, np.zeros_like(s), s], axis=-1)
        radius = 1.0 / self.curvature
        angle = s * self.curvature
        x = radius - (radius - n) * np.cos(angle)
        return np.stack([x, np.zeros_like(s), (radius - n) * np.sin(angle)], axis=-1)

    def frame(self, s: float, n: float, turn: float = 0.0, height: float = 0.0) -> Frame:
        """A local frame at street coordinates; `turn` radians to the right of the street's direction."""
        angle = s * self.curvature + turn
        origin = self.point(s, n)
        origin[1] = height
        sin, cos = np.sin(angle), np.cos(angle)
        return Frame(origin, np.array([cos, 0.0, -sin]), np.array([sin, 0.0, cos]))

    def locate(self, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Street coordinates (s, n) of points given in the frame of some place (s0, n = 0); s is relative to s0."""
        if self.curvature == 0.0:
            return z, x
        radius = 1.0 / self.curvature
        sign = np.sign(radius)
        across = sign * (radius - x)
        return radius * np.arctan2(sign * z, across), radius - sign * np.hypot(across, z)


def sample_style(seed: int, time_of_day: str) -> StreetStyle:
    """Draw the street of a seed."""
    rng = np.random.default_rng([seed, 1])
    lighting = sample_lighting(rng, time_of_day)  # type: ignore[arg-type]
    climate = sample_climate(rng, lighting)
    character = str(rng.choice(["city", "town", "suburb", "works"], p=[0.32, 0.28, 0.28, 0.12]))
    #        building yard wall fence park hedge
    weights = {
        "city": (6.0, 0.6, 1.3, 1.6, 1.0, 0.3),
        "town": (3.2, 2.0, 1.8, 2.4, 0.9, 0.7),
        "suburb": (0.6, 4.6, 1.6, 3.0, 1.2, 1.2),
        "works": (2.6, 0.4, 2.8, 4.0, 0.9, 0.4),
    }[character]
    jitter = rng.gamma(2.0, 0.5, len(weights))
    lanes = int(rng.choice([1, 2], p=[0.8, 0.2]))
    has_parking = rng.random() < 0.5
    lane = rng.uniform(2.9, 3.6)
    half_width = lanes * lane + (2.2 if has_parking else 0.3)
    tone = rng.uniform(0.20, 0.46)
    walk = rng.uniform(0.38, 0.68)
    white = rng.random() < 0.8
    leaf = rng.choice(["green", "autumn"], p=[0.85, 0.15])
    green = (rng.uniform(0.7, 1.25), rng.uniform(0.85, 1.15), rng.uniform(0.6, 1.2))
    autumn = (rng.uniform(1.8, 2.8), rng.uniform(0.8, 1.1), rng.uniform(0.4, 0.8))
    return StreetStyle(
        seed=seed,
        lighting=lighting,
        climate=climate,
        curvature=0.0 if rng.random() < 0.45 else float(rng.choice([-1, 1]) / rng.uniform(120, 500)),
        half_width=float(half_width),
        lanes=lanes,
        right_hand=bool(rng.random() < 0.75),
        kerb=float(rng.uniform(0.08, 0.18)),
        verge=float(rng.uniform(0.8, 2.2)) if rng.random() < (0.15 if character == "city" else 0.4) else 0.0,
        sidewalk=float(rng.uniform(1.8, 6.0 if character == "city" else 4.2)),
        setback=float(rng.uniform(2.5, 8.0)),
        parking=float(rng.uniform(0.15, 0.8)) if has_parking else 0.0,
        centre_line=int(rng.choice([0, 1, 2, 3], p=[0.15, 0.5, 0.2, 0.15])),
        edge_line=bool(rng.random() < 0.4),
        line_colour=(0.85, 0.85, 0.83) if white else (0.85, 0.68, 0.18),
        paved_yards=bool(rng.random() < (0.6 if character in ("city", "works") else 0.15)),
        lot_weights=tuple(float(w * j) for w, j in zip(weights, jitter)),
        storeys={"city": (3, 8), "town": (2, 5), "suburb": (1, 3), "works": (1, 4)}[character],
        tree_gap=float(rng.uniform(7, 16)) if rng.random() < 0.6 else 0.0,
        tree_size=(0.7, 1.1),
        lamp_gap=float(rng.uniform(14, 28)),
        lamp_both=bool(rng.random() < 0.5),
        sign_density=float(rng.uniform(1.2, 3.2)),
        crossing_share=float(rng.uniform(0.1, 0.45)),
        traffic_gap=float(np.exp(rng.uniform(np.log(16), np.log(70)))),
        people_gap=float(np.exp(rng.uniform(np.log(6), np.log(30)))),
        season=tuple(float(v) for v in (green if leaf == "green" else autumn)),
        road_colour=(tone * rng.uniform(0.96, 1.06), tone, tone * rng.uniform(0.94, 1.08)),
        sidewalk_colour=(walk * rng.uniform(0.98, 1.15), walk, walk * rng.uniform(0.86, 1.02)),
        sidewalk_pattern=int(rng.integers(4)),
    )


def quieten(style: StreetStyle) -> StreetStyle:
    """The street as a way of a park or a campus: hardly a vehicle, trees that close over it, and bends, behind which
    hedges, walls and houses end the view.

    On a street there are vehicles wherever it ends in the distance, and sky above them. A network that has seen nothing
    else finds vehicles at the end of every way.
    """
    rng = np.random.default_rng([style.seed, 20])
    #          building yard wall fence park hedge
    greener = (0.4, 0.2, 1.0, 1.0, 4.0, 6.0)
    radius = np.exp(rng.uniform(np.log(30), np.log(200)))
    parking = float(rng.uniform(0.05, 0.3)) if rng.random() < 0.3 else 0.0
    return replace(
        style,
        curvature=style.curvature if rng.random() < 0.3 else float(rng.choice([-1, 1]) / radius),
        half_width=float(rng.uniform(2.0, 3.6)) + (2.2 if parking else 0.3),
        lanes=1,
        parking=parking,
        centre_line=style.centre_line if rng.random() < 0.4 else 0,
        lot_weights=tuple(weight * factor for weight, factor in zip(style.lot_weights, greener)),
        tree_gap=float(rng.uniform(3.5, 8.0)),
        tree_size=(1.0, float(rng.uniform(1.2, 2.0))),
        traffic_gap=float(np.exp(rng.uniform(np.log(400), np.log(3000)))),
    )
