# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Light and weather: what one seed's sky, sun, lamps and air look like and how warm things are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from madm_model.simulator.config import TimeOfDay
from madm_model.simulator.surfaces import Colour


@dataclass(frozen=True)
class Lighting:
    """Light that reaches the surfaces, as factors on their reflectance."""

    night: bool
    """Lamps, headlights and windows are on, and light falls off with distance from them."""
    sun_direction: tuple[float, float, float]
    """Unit vector towards the sun, street coordinates at its start."""
    sun: Colour
    ambient: Colour
    zenith: Colour
    horizon: Colour
    cloud: Colour
    cloud_cover: float
    """0 is a clear sky, 1 a closed one."""
    haze: Colour
    visibility: float
    """Distance in metres over which haze takes 63 % of the contrast."""
    headlight: float
    lamp: Colour
    lit_windows: float
    """Share of the windows with light behind them."""
    noise: float
    """Standard deviation of the colour sensor's noise, 0 to 1 scale."""
    saturation: float
    tint: Colour


@dataclass(frozen=True)
class Climate:
    """Temperatures in degrees Celsius that the things of one street start from."""

    air: float
    sun_heat: float
    """0 at night or under clouds to 1 in full sun; scales every surface's `heating`."""
    road: float
    ground: float
    wall: float
    foliage: float
    window: float
    sky_zenith: float
    sky_horizon: float


def _grey(value: float, warmth: float = 0.0) -> Colour:
    return (value * (1 + warmth), value, value * (1 - warmth))


def sample_lighting(rng: np.random.Generator, time_of_day: TimeOfDay) -> Lighting:
    """Draw one light situation."""
    if time_of_day == "random":
        time_of_day = str(rng.choice(["day", "dusk", "night"], p=[0.62, 0.14, 0.24]))  # type: ignore[assignment]
    azimuth = rng.uniform(-np.pi, np.pi)
    lamp = (1.0, *[(0.72, 0.36), (0.86, 0.66), (1.0, 1.0)][int(rng.integers(3))])
    tint = tuple(float(v) for v in rng.normal(1.0, 0.028, 3))
    saturation = float(rng.uniform(0.7, 1.15))
    if time_of_day == "day":
        cover = float(rng.choice([rng.uniform(0.0, 0.5), rng.uniform(0.85, 1.0)]))
        overcast = cover > 0.8
        elevation = rng.uniform(0.35, 1.1)
        strength = 0.0 if overcast else rng.uniform(0.45, 0.95)
        ambient = rng.uniform(0.85, 1.2) if overcast else rng.uniform(0.5, 0.75)
        blue = rng.uniform(0.0, 1.0)
        zenith = (0.75, 0.78, 0.82) if overcast else (0.25 + 0.2 * blue, 0.47 + 0.15 * blue, 0.85)
        horizon = _grey(rng.uniform(0.75, 0.98)) if overcast else (0.72, 0.84, 0.95)
        visibility = rng.choice([rng.uniform(60, 140), rng.uniform(250, 1500)], p=[0.15, 0.85])
        return Lighting(
            False, _direction(azimuth, elevation), _grey(strength, 0.06), _grey(ambient, 0.0 if overcast else -0.05),
            zenith, horizon, _grey(rng.uniform(0.7, 1.0)), cover, horizon, float(visibility), 0.0, lamp,
            0.06, float(rng.uniform(0.006, 0.02)), saturation, tint,
        )  # fmt: skip
    if time_of_day == "dusk":
        level = rng.uniform(0.3, 0.65)
        glow = rng.uniform(0.0, 0.25)
        zenith = (level * 0.6, level * 0.75, level * 1.15)
        horizon = (level * 1.3 + glow, level * 1.15 + glow * 0.5, level * 1.1)
        return Lighting(
            True, _direction(azimuth, 0.1), (0.0, 0.0, 0.0), (level * 0.95, level * 0.97, level * 1.1), zenith, horizon,
            (level * 1.1, level, level), float(rng.uniform(0.1, 0.9)), horizon, float(rng.uniform(200, 900)),
            float(rng.uniform(0.1, 0.4)), lamp, 0.3, float(rng.uniform(0.012, 0.03)), saturation, tint,
        )  # fmt: skip
    level = rng.uniform(0.12, 0.34)
    glow = rng.uniform(0.0, 0.12)
    zenith = (0.02 + glow * 0.3, 0.025 + glow * 0.3, 0.05 + glow * 0.4)
    horizon = (0.05 + glow, 0.05 + glow * 0.8, 0.07 + glow * 0.6)
    return Lighting(
        True, _direction(azimuth, 0.5), (0.0, 0.0, 0.0), (level, level, level * 1.15), zenith, horizon,
        horizon, float(rng.uniform(0.0, 0.8)), horizon, float(rng.uniform(150, 700)), float(rng.uniform(0.7, 1.5)),
        lamp, float(rng.uniform(0.15, 0.5)), float(rng.uniform(0.02, 0.045)), saturation, tint,
    )  # fmt: skip


def _direction(azimuth: float, elevation: float) -> tuple[float, float, float]:
    flat = np.cos(elevation)
    return (float(flat * np.sin(azimuth)), float(np.sin(elevation)), float(flat * np.cos(azimuth)))


def sample_climate(rng: np.random.Generator, lighting: Lighting) -> Climate:
    """Draw temperatures that go with a light situation."""
    air = float(rng.uniform(-2, 22) if lighting.night else rng.uniform(4, 29))
    sun_heat = 0.0 if lighting.night else min(1.0, lighting.sun[1] * 1.2)
    stored = rng.uniform(1.0, 4.0) if lighting.night else rng.uniform(1.0, 3.0)  # what road and walls keep of the day
    cover = lighting.cloud_cover
    zenith = air - rng.uniform(25, 40) * (1.0 - 0.6 * cover)
    return Climate(
        air=air,
        sun_heat=float(sun_heat),
        road=air + stored + 4.0 * sun_heat,
        ground=air + 0.6 * stored,
        wall=air + 0.8 * stored,
        foliage=air - float(rng.uniform(0.0, 1.5)),
        window=air + float(rng.uniform(-3.0, 5.0)),
        sky_zenith=float(zenith),
        sky_horizon=float(0.35 * zenith + 0.65 * air - 3.0),
    )
