# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The ground, found per pixel: road, markings, kerb, sidewalk, grass and side streets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from madm_model.simulator.blocks import LENGTH, Block
from madm_model.simulator.patterns import PATTERN
from madm_model.simulator.street_style import StreetStyle
from madm_model.simulator.surfaces import Colour, as_table, paint

ROAD, SIDEWALK, KERB, GRASS, YARD, MARKING = range(6)
"""Rows of `ground_paints`."""

FAR = 400.0
"""Depth at which the ground ends, metres."""


@dataclass(frozen=True)
class Ground:
    """The ground under some pixels.

    Attributes:
        kind: int64 (n,), row of `ground_paints`.
        depth: float32 (n,), metres along the optical axis.
        u, v: float32 (n,), metres along and across the street.
        marking: float32 (n,), 0 to 1, how much of the pixel is painted.
        sharpness: float32 (n,), 1 where the texture is finer than it can be seen, less with distance.
    """

    kind: np.ndarray
    depth: np.ndarray
    u: np.ndarray
    v: np.ndarray
    marking: np.ndarray
    sharpness: np.ndarray


def ground_paints(style: StreetStyle) -> np.ndarray:
    """Paints of the ground, float32 (6, fields of `Paint`)."""
    rng = np.random.default_rng([style.seed, 13])
    climate = style.climate

    def tones(colour: Colour, spread: float) -> tuple[Colour, Colour]:
        return tuple(c * (1 - spread) for c in colour), tuple(min(c * (1 + spread), 1.0) for c in colour)

    road, road2 = tones(style.road_colour, rng.uniform(0.12, 0.3))
    walk, walk2 = tones(style.sidewalk_colour, rng.uniform(0.08, 0.2))
    pattern = (PATTERN["slabs"], PATTERN["slabs"], PATTERN["brick"], PATTERN["plaster"])[style.sidewalk_pattern]
    if pattern != PATTERN["plaster"]:  # joints are the pattern's bright end, and darker than the stone
        walk, walk2 = walk2, tuple(c * 0.68 for c in walk)
    green = tuple(min(c * f, 1.0) for c, f in zip((0.24, 0.34, 0.13), style.season))
    grass, grass2 = tones(green, 0.35)
    stone = rng.uniform(0.75, 1.05)
    yard, yard2 = tones(tuple(c * stone for c in style.sidewalk_colour), 0.15)
    stone = rng.uniform(0.75, 1.4)
    kerb = tuple(min(c * stone, 1.0) for c in style.sidewalk_colour)
    cool = climate.ground - 0.5
    return as_table([
        paint("road", road, climate.road - 0.4, colour2=road2, temperature2=climate.road + 0.6,
              pattern=PATTERN["asphalt"], repeat=(0.4, 0.4), heating=9.0),
        paint("sidewalk", walk, climate.ground + 0.3, colour2=walk2, temperature2=climate.ground - 0.8,
              pattern=pattern, repeat=(0.5, 0.5), heating=7.0),
        paint("sidewalk", kerb, climate.ground - 0.5, colour2=kerb, pattern=PATTERN["plain"], heating=5.0),
        paint("vegetation", grass, cool - 1.2, colour2=grass2, temperature2=cool + 0.4, pattern=PATTERN["grass"],
              repeat=(0.45, 0.45), heating=2.5),
        paint("sidewalk", yard, climate.ground, colour2=yard2, temperature2=climate.ground + 0.6,
              pattern=PATTERN["plaster"], repeat=(0.3, 0.3), heating=7.0),
        paint("road", style.line_colour, climate.road - 1.5, pattern=PATTERN["asphalt"], heating=6.0),
    ])  # fmt: skip


def find_ground(
    style: StreetStyle,
    blocks: dict[int, Block],
    ego_s: float,
    ego_n: float,
    height: float,
    rays: tuple[np.ndarray, np.ndarray, np.ndarray],
    focal: float,
) -> Ground:
    """Intersect rays with the ground.

    Args:
        blocks: the blocks in sight by index.
        ego_s, ego_n: street coordinates of the camera; height: metres over the road.
        rays: x, y (up), z of directions of unit depth in the frame of the street at the camera, float32 (n,) each;
            all y negative.
        focal: pixels.
    """
    right, up, ahead = rays
    depth = np.minimum(height / -up, FAR)
    along, across = style.locate(ego_n + depth * right, depth * ahead)
    s = (along + ego_s).astype(np.float64)
    kind = np.zeros(len(s), np.int64)
    block = np.floor(s / LENGTH).astype(np.int64)
    first, last = min(blocks), max(blocks)
    starts, ends = np.full(last - first + 1, np.inf), np.full(last - first + 1, -np.inf)
    green = np.zeros((last - first + 1, 2), bool)
    for index, item in blocks.items():
        green[index - first] = item.green
        if item.crossing:
            starts[index - first], ends[index - first] = item.crossing
    slot = np.clip(block, first, last) - first
    side_street = (s > starts[slot]) & (s < ends[slot])
    raised = np.flatnonzero((np.abs(across) > style.half_width) & ~side_street)
    low_across = across[raised].copy()
    # The same rays meet the sidewalk's plane earlier; if that is over the road, they hit the face of the kerb.
    top = depth[raised] * ((height - style.kerb) / height)
    along_top, across_top = style.locate(ego_n + top * right[raised], top * ahead[raised])
    on_kerb = np.abs(across_top) < style.half_width
    share = (style.half_width - np.abs(across_top)) / np.maximum(np.abs(low_across) - np.abs(across_top), 1e-6)
    depth[raised] = np.where(on_kerb, top + share * (depth[raised] - top), top)
    across[raised] = np.where(on_kerb, low_across, across_top)
    s[raised] = np.where(on_kerb, s[raised], along_top + ego_s)
    beyond = np.abs(across[raised]) - style.half_width
    behind = style.verge + style.sidewalk
    grassy = green[slot[raised], (across[raised] > 0).astype(np.int64)]
    area = np.where(beyond < 0.16, KERB, SIDEWALK)
    if style.verge:
        area = np.where((beyond >= 0.16) & (beyond < style.verge), GRASS, area)
    area = np.where(beyond > behind, np.where(grassy, GRASS, YARD), area)
    kind[raised] = np.where(on_kerb, KERB, area)
    footprint = depth / focal
    stretched = footprint * np.maximum(depth / max(height, 0.5), 1.0)
    marking = _markings(style, s, across, footprint, stretched, kind == ROAD, blocks)
    sharpness = np.clip(0.12 / stretched, 0.0, 1.0)
    return Ground(
        kind, depth.astype(np.float32), np.remainder(s, 4000.0).astype(np.float32), across.astype(np.float32),
        marking.astype(np.float32), sharpness.astype(np.float32),
    )  # fmt: skip


def _band(position: np.ndarray, half_width: float | np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Share of a pixel of size `footprint` within `half_width` of position 0, 0 to 1."""
    return np.clip((half_width - np.abs(position)) / footprint + 0.5, 0.0, 1.0)


def _markings(
    style: StreetStyle,
    s: np.ndarray,
    n: np.ndarray,
    footprint: np.ndarray,
    stretched: np.ndarray,
    road: np.ndarray,
    blocks: dict[int, Block],
) -> np.ndarray:
    """Paint on the road, 0 to 1 per pixel, with edges as soft as the pixel is large."""
    paint_share = np.zeros(len(s))
    dashes = _band((s % 9.0) - 4.5, 1.6, stretched)
    if style.centre_line == 1:
        paint_share += _band(n, 0.08, footprint) * dashes
    elif style.centre_line == 2:
        paint_share += _band(n, 0.08, footprint)
    elif style.centre_line == 3:
        paint_share += _band(np.abs(n) - 0.16, 0.06, footprint)
    parking = 2.2 if style.parking else 0.3
    lane = (style.half_width - parking) / style.lanes
    for k in range(1, style.lanes):
        paint_share += _band(np.abs(n) - k * lane, 0.07, footprint) * dashes
    if style.edge_line:
        paint_share += _band(np.abs(n) - (style.half_width - parking), 0.07, footprint)
    for block in blocks.values():
        if not block.crossing:
            continue
        start, end = block.crossing
        inside = (s > start - 3.8) & (s < end + 3.8)
        paint_share[inside] = 0.0
        zebra = np.maximum(_band(s - (start - 2.0), 1.5, stretched), _band(s - (end + 2.0), 1.5, stretched))
        paint_share += zebra * _band((n % 1.1) - 0.55, 0.26, footprint)
    return np.where(road & (np.abs(n) < style.half_width), np.clip(paint_share, 0.0, 1.0), 0.0) * 0.9
