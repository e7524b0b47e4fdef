# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What lies behind everything: sky, clouds and the skyline."""

from __future__ import annotations

import numpy as np

from madm_model.simulator.patterns import SIZE, texels
from madm_model.simulator.street_style import StreetStyle
from madm_model.simulator.surfaces import LABEL


def add_sky(
    style: StreetStyle,
    albedo: np.ndarray,
    light: np.ndarray,
    temperature: np.ndarray,
    depth: np.ndarray,
    label: np.ndarray,
    at: np.ndarray,
    rays: tuple[np.ndarray, ...],
    ego_s: float,
) -> None:
    """Fill the pixels `at` with sky and clouds, and with the skyline of far trees and houses that hides the horizon.

    Args:
        albedo, light: (3, n); temperature, depth, label: (n,) of the whole image, written in place.
        at: flat indices of the pixels that see no surface and no ground.
        rays: x, y (up), z of their directions in the street's frame at the camera.
        ego_s: where along the street the camera is, metres.
    """
    lighting, climate = style.lighting, style.climate
    right, up, ahead = rays
    flat = np.hypot(right, ahead)
    elevation = up / flat
    azimuth = np.arctan2(right, ahead) + ego_s * style.curvature
    rise = np.clip(elevation * 1.6, 0.0, 1.0)
    reach = 1.0 / (np.maximum(elevation, 0.0) + 0.12)
    field = texels("plaster")
    drift = 64.0 + 20.0 * reach
    cols = (drift * np.sin(azimuth)).astype(np.int64) & (SIZE - 1)
    rows = (drift * np.cos(azimuth)).astype(np.int64) & (SIZE - 1)
    cloud = np.clip((field[rows, cols] - 0.75 + 0.6 * lighting.cloud_cover) * 2.0, 0.0, 1.0) * rise**0.3
    for channel in range(3):
        low, high = lighting.horizon[channel], lighting.zenith[channel]
        value = low + (high - low) * rise
        albedo[channel, at] = value + (lighting.cloud[channel] - value) * cloud * 0.8
        light[channel, at] = 1.0
    cold = climate.sky_horizon + (climate.sky_zenith - climate.sky_horizon) * rise
    temperature[at] = cold + (climate.air - 6.0 - cold) * cloud * 0.7
    depth[at] = np.inf
    label[at] = LABEL["sky"]
    profile, kinds, tones = _skyline(style)
    place = np.remainder(azimuth * (len(profile) / (2 * np.pi)), len(profile))
    slot = np.minimum(place.astype(np.int64), len(profile) - 1)  # rounding may reach the end
    hidden = elevation < profile[slot]
    low = at[hidden]
    slot = slot[hidden]
    building = kinds[slot]
    haze = 1.0 - np.exp(-300.0 / lighting.visibility)
    brightness = np.array(lighting.ambient) + 0.5 * np.array(lighting.sun)
    for channel in range(3):
        colour = np.where(building, 0.5, (0.2, 0.28, 0.14)[channel] * style.season[channel]) * tones[slot]
        colour = colour * brightness[channel]
        albedo[channel, low] = colour + (lighting.haze[channel] - colour) * haze
    label[low] = np.where(building, LABEL["building"], LABEL["vegetation"])
    depth[low] = 300.0 / ahead[hidden]
    temperature[low] = np.where(building, climate.wall, climate.foliage)


def _skyline(style: StreetStyle) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tangent of the elevation, bool building, and tone of the skyline over azimuth, (720,) each."""
    rng = np.random.default_rng([style.seed, 16])
    count = 720
    lengths = rng.integers(3, 12, count)
    runs = np.repeat(np.arange(count), lengths)[:count]
    building = (rng.random(count) < (0.7 if style.storeys[1] > 3 else 0.25))[runs]
    heights = np.where(building, rng.uniform(0.02, 0.075, count)[runs], 0.0)
    bumps = np.convolve(rng.standard_normal(count), np.hanning(9), "same") * 0.004 + rng.uniform(0.02, 0.05)
    return np.maximum(np.where(building, heights, bumps), 0.01), building, rng.uniform(0.75, 1.1, count)[runs]
