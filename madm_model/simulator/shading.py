# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""From what each pixel sees to colour, temperature, depth and label: one pass over the image, no objects any more."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from madm_model.simulator.ground import MARKING, Ground
from madm_model.simulator.noise import noise_field
from madm_model.simulator.patterns import SIZE, atlas, sample, texels
from madm_model.simulator.raster import View, Visible
from madm_model.simulator.sky import add_sky
from madm_model.simulator.street_style import StreetStyle
from madm_model.simulator.surfaces import column, columns

_HASH = np.random.default_rng(20253).random(1024).astype(np.float32)


@dataclass(frozen=True)
class Scene:
    """Per pixel of an image (flat arrays): what the sensors will see before their own imperfections.

    Attributes:
        albedo: float32 (3, n), reflectance; light: float32 (3, n), the factor on it.
        temperature: float32 (n,), degrees Celsius; depth: float32 (n,), metres, inf in the sky.
        label: uint8 (n,).
    """

    albedo: np.ndarray
    light: np.ndarray
    temperature: np.ndarray
    depth: np.ndarray
    label: np.ndarray


def shade_scene(
    style: StreetStyle,
    view: View,
    visible: Visible,
    ground: Ground,
    ground_pixels: np.ndarray,
    ground_table: np.ndarray,
    rays: tuple[np.ndarray, np.ndarray, np.ndarray],
    ego: tuple[float, float, float],
) -> Scene:
    """Colour every pixel.

    Args:
        ground_pixels: flat indices of the pixels that `ground` describes.
        ground_table: `ground_paints` of the style.
        rays: x, y (up), z of every pixel's direction in the street's frame at the camera, float32 (H*W,) each.
        ego: s, n and height of the camera.
    """
    lighting, climate = style.lighting, style.climate
    count = view.width * view.height
    surface = visible.surface.ravel()
    drawn = np.flatnonzero(surface)
    table = np.concatenate([visible.paints, ground_table])
    sun = np.array(lighting.sun_direction, np.float32)
    facing = np.clip(visible.normals @ sun, 0.0, None)
    facing = np.concatenate([facing, np.full(len(ground_table), sun[1], np.float32)])
    # Surfaces that look up see more of the sky than walls do.
    up = np.concatenate([visible.normals[:, 1], np.ones(len(ground_table), np.float32)])
    which = np.zeros(count, np.int64)
    which[drawn] = surface[drawn] - 1
    which[ground_pixels] = len(visible.paints) + ground.kind

    u, v = np.zeros(count, np.float32), np.zeros(count, np.float32)
    sharpness = np.ones(count, np.float32)
    inverse_depth = visible.inverse_depth.ravel()
    nearness = inverse_depth[drawn]
    x = np.tile(view.xs, view.height)[drawn]
    y = np.repeat(view.ys, view.width)[drawn]
    index = which[drawn]
    planes = visible.planes
    metres_u = (planes[:, 0][index] * x + planes[:, 1][index] * y + planes[:, 2][index]) / nearness
    metres_v = (planes[:, 3][index] * x + planes[:, 4][index] * y + planes[:, 5][index]) / nearness
    repeat_u = column(visible.paints, "repeat_u")[index]
    u[drawn] = metres_u * repeat_u
    v[drawn] = metres_v * column(visible.paints, "repeat_v")[index]
    # A texel smaller than half a pixel is drawn as its pattern's mean, so that nothing flickers.
    sharpness[drawn] = np.clip(2.0 * view.focal / SIZE * nearness / np.maximum(np.abs(repeat_u), 0.05), 0.0, 1.0)
    repeat = column(ground_table, "repeat_u")[ground.kind]
    u[ground_pixels] = ground.u * repeat
    v[ground_pixels] = ground.v * repeat
    sharpness[ground_pixels] = ground.sharpness

    pattern = column(table, "pattern")[which]
    shape = (view.height, view.width)
    mix = sample(pattern.reshape(shape), u.reshape(shape), v.reshape(shape)).ravel()
    mean = atlas()[1][column(table, "pattern").astype(np.int64)][which]
    mix = mean + (mix - mean) * sharpness

    ambient = np.array(lighting.ambient, np.float32)
    level = ambient * (0.78 + 0.22 * up[:, None]) + np.array(lighting.sun, np.float32) * facing[:, None]
    warm = column(table, "temperature") + column(table, "heating") * climate.sun_heat * (0.25 + 0.75 * facing)
    contrast = column(table, "temperature2") - column(table, "temperature")
    first, second = columns(table, "red", 3), columns(table, "red2", 3)
    albedo = np.empty((3, count), np.float32)
    light = np.empty((3, count), np.float32)
    for channel in range(3):
        base, step = first[:, channel], second[:, channel] - first[:, channel]
        albedo[channel] = base[which] + step[which] * mix
        light[channel] = level[:, channel][which]
    temperature = warm[which] + contrast[which] * mix
    painted = ground_table[MARKING]
    for channel in range(3):
        colour = albedo[channel, ground_pixels]
        albedo[channel, ground_pixels] = colour + (painted[2 + channel - 1] - colour) * ground.marking
    temperature[ground_pixels] -= 1.2 * ground.marking
    wide = _wide_stains(ground)
    albedo[:, ground_pixels] *= wide
    temperature[ground_pixels] += (wide - 1.0) * 4.0

    depth = np.full(count, np.inf, np.float32)
    depth[drawn] = 1.0 / nearness
    depth[ground_pixels] = ground.depth
    label = column(table, "label").astype(np.uint8)[which]
    emission = column(table, "emission")[which]
    facade = column(visible.paints, "windows")[index] > 0
    if facade.any():
        at = drawn[facade]
        size = 1.0 / (nearness[facade] * view.focal)
        lit = _add_windows(
            visible.paints, index[facade], metres_u[facade], metres_v[facade], size, albedo, temperature, at
        )
        emission[at] = np.maximum(emission[at], lit)
    sky = np.ones(count, bool)
    sky[drawn] = False
    sky[ground_pixels] = False
    solid = ~sky
    if lighting.night:
        _add_lamps(style, light, depth, solid, rays, ego)
    light += (np.maximum(light, 1.0) - light) * emission
    _add_air(style, albedo, light, temperature, depth, solid)
    above = np.flatnonzero(sky)
    add_sky(style, albedo, light, temperature, depth, label, above, tuple(r[above] for r in rays), ego[0])
    return Scene(albedo, light, temperature, depth, label)


def _wide_stains(ground: Ground) -> np.ndarray:
    """Slow changes of brightness over metres, 0.9 to 1.1: repairs, wear, damp."""
    field = texels("plaster")
    rows = (ground.v * 5.0).astype(np.int64) & (SIZE - 1)
    cols = (ground.u * 2.0).astype(np.int64) & (SIZE - 1)
    return 0.88 + 0.24 * field[rows, cols]


def _add_windows(
    paints: np.ndarray,
    index: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    size: np.ndarray,
    albedo: np.ndarray,
    temperature: np.ndarray,
    at: np.ndarray,
) -> np.ndarray:
    """Windows of facades; returns the light of the lit ones, float32 (n,). `size` is a pixel's size in metres."""

    def of(name: str) -> np.ndarray:
        return column(paints, name)[index]

    wide, high = of("cell_width"), of("cell_height")
    cell_u, cell_v = u / wide, v / high
    col, row = np.floor(cell_u), np.floor(cell_v)
    dx = np.abs(cell_u - col - 0.5) * wide
    dy = np.abs(cell_v - row - 0.53) * high
    inside = np.minimum(of("window_width") * wide * 0.5 - dx, of("window_height") * high * 0.5 - dy)
    glass = np.clip(inside / size + 0.5, 0.0, 1.0)
    frame = np.clip((inside + 0.14) / size + 0.5, 0.0, 1.0)
    key = col * 73 + row * 179 + of("hash")
    chance = _HASH[key.astype(np.int64) & 1023]
    other = _HASH[(key * 7 + 311).astype(np.int64) & 1023]
    lit = (chance < of("lit_share")).astype(np.float32)
    brightness = of("frame_brightness")
    frame = np.where(brightness > 0, frame, 0.0)
    reflection = 0.06 + 0.2 * other + 0.16 * (cell_v - row)
    blind = (other > 0.8) * 0.35
    for channel, (warm, cool) in enumerate(((1.0, 0.85), (0.82, 0.95), (0.5, 1.1))):
        colour = albedo[channel, at]
        colour = colour + (brightness - colour) * frame
        pane = (reflection + blind) * cool * (1 - lit) + warm * (0.55 + 0.45 * other) * lit
        albedo[channel, at] = colour + (pane - colour) * glass
    warm_pane = of("window_temperature") + 4.0 * (chance - 0.5) + 1.5 * lit
    temperature[at] += (warm_pane - temperature[at]) * glass - 0.8 * (frame - glass) * (brightness > 0)
    return lit * glass * 0.9


def _add_lamps(
    style: StreetStyle,
    light: np.ndarray,
    depth: np.ndarray,
    solid: np.ndarray,
    rays: tuple[np.ndarray, np.ndarray, np.ndarray],
    ego: tuple[float, float, float],
) -> None:
    """The camera's headlights and the street lamps, on everything solid."""
    lighting = style.lighting
    at = np.flatnonzero(solid)
    z = depth[at]
    right, up, ahead = (r[at] for r in rays)
    beam = np.exp(-((right / 0.45) ** 2)) * np.exp(-((np.maximum(up + 0.02, 0.0) / 0.10) ** 2))
    head = lighting.headlight * (0.25 + 0.75 * beam) * np.exp(-z / 28.0) * np.clip(z / 3.0, 0.3, 1.0)
    along, across = style.locate(ego[1] + z * right, z * ahead)
    height = ego[2] + z * up
    gap = style.lamp_gap
    s = np.remainder(along + ego[0] + gap / 2, gap) - gap / 2
    n = style.half_width * 0.8
    side = np.abs(across) - n if style.lamp_both else across - n
    lamp = 0.95 / (1.0 + (s**2 + side**2) / 18.0 + np.maximum(height - 5.5, 0.0) ** 2)
    for channel in range(3):
        light[channel, at] += head + lamp * lighting.lamp[channel]


def _add_air(
    style: StreetStyle,
    albedo: np.ndarray,
    light: np.ndarray,
    temperature: np.ndarray,
    depth: np.ndarray,
    solid: np.ndarray,
) -> None:
    """Haze: with distance, colours go to the haze's and temperatures to the air's."""
    distance = np.where(solid, depth, 0.0)
    haze = 1.0 - np.exp(-distance / style.lighting.visibility)
    for channel in range(3):
        value = albedo[channel] * light[channel]
        albedo[channel] = value + (style.lighting.haze[channel] - value) * haze
        light[channel] = 1.0
    temperature += (style.climate.air - temperature) * (0.6 * (1.0 - np.exp(-distance / 400.0)))


def develop(style: StreetStyle, view: View, scene: Scene, time_s: float, noisy: bool) -> np.ndarray:
    """The colour camera: glow of bright things at night, lens blur, white balance, noise; uint8 (H, W, 3)."""
    lighting = style.lighting
    image = (scene.albedo * scene.light).reshape(3, view.height, view.width).transpose(1, 2, 0)
    image = np.ascontiguousarray(image)
    if lighting.night:
        small = cv2.resize(np.maximum(image - 0.7, 0.0), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        glow = cv2.GaussianBlur(small, (0, 0), 2.0)
        image += 0.9 * cv2.resize(glow, (view.width, view.height), interpolation=cv2.INTER_LINEAR)
    image = cv2.GaussianBlur(image, (3, 3), 0.55)
    # Saturation about the grey axis and white balance are one linear map of the colour.
    weights = np.array([0.3, 0.59, 0.11], np.float32)
    colour = lighting.saturation * np.eye(3) + (1 - lighting.saturation) * np.tile(weights, (3, 1))
    image = cv2.transform(image, (np.diag(lighting.tint) @ colour).astype(np.float32))
    if noisy:
        image = image + noise_field(image.shape, (style.seed, 17, time_s)) * lighting.noise
    return cv2.convertScaleAbs(np.clip(image, 0.0, 1.0), alpha=255.0)
