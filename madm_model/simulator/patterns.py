# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Small procedural textures: patterns that mix two colours, and outlines stamped out of quads.

They are the same for every seed; what differs between streets is the paint.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

SIZE = 128
"""Texels along one period of a pattern or one side of an outline."""

_MARGIN = 1  # texels of wrap-around on every side, so that bilinear sampling sees no seam

PATTERNS = (
    "plain", "brick", "asphalt", "plaster", "leaves", "stones", "boards", "grass", "slabs", "ribs",
    "ring", "stop", "warning", "arrow", "text", "head", "wheel", "lights", "mesh", "foliage",
)  # fmt: skip
PATTERN = {name: index for index, name in enumerate(PATTERNS)}
"""Pattern name to index."""

CUTOUTS = (
    "disc", "octagon", "triangle", "diamond", "pickets", "rails", "hoop",
    "crown0", "crown1", "crown2", "crown3", "crown4", "crown5",
    "conifer0", "conifer1", "bush0", "bush1", "bush2", "body", "mesh",
)  # fmt: skip
CUTOUT = {name: index for index, name in enumerate(CUTOUTS)}
"""Outline name to index."""


def _smooth_noise(rng: np.random.Generator, sigma: float, size: int = SIZE) -> np.ndarray:
    """Periodic noise of unit variance, float32 (size, size)."""
    tiled = np.tile(rng.standard_normal((size, size)).astype(np.float32), (3, 3))
    noise = cv2.GaussianBlur(tiled, (0, 0), sigma)[size : 2 * size, size : 2 * size]
    return (noise - noise.mean()) / noise.std()


def _unit(noise: np.ndarray) -> np.ndarray:
    return np.clip(0.5 + 0.25 * noise, 0.0, 1.0)


def _text(text: str, corner: tuple[int, int], scale: float, thickness: int) -> np.ndarray:
    """Where a text's strokes lie, bool (SIZE, SIZE)."""
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    cv2.putText(canvas, text, corner, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness)
    return canvas > 127


def _draw_pattern(name: str, rng: np.random.Generator) -> np.ndarray:
    """One pattern, float32 (SIZE, SIZE), 0 to 1, row 0 on top."""
    fine, coarse = _smooth_noise(rng, 0.8), _smooth_noise(rng, 5.0)
    rows, cols = np.mgrid[0:SIZE, 0:SIZE]
    canvas = np.zeros((SIZE, SIZE), np.float32)
    half = SIZE // 2
    if name == "plain":
        return _unit(0.6 * coarse + 0.2 * fine)
    if name == "asphalt":
        return _unit(1.0 * fine + 0.3 * coarse)
    if name == "plaster":
        return _unit(0.3 * fine + 0.8 * _smooth_noise(rng, 9.0))
    if name in ("leaves", "foliage"):
        return _unit(1.2 * _smooth_noise(rng, 2.0 if name == "leaves" else 4.0) + 0.5 * fine)
    if name == "grass":
        return _unit(0.9 * fine + 0.7 * _smooth_noise(rng, 7.0))
    if name in ("brick", "stones", "slabs"):
        high, wide, joint = {"brick": (8, 16, 1), "stones": (16, 32, 2), "slabs": (32, 32, 1)}[name]
        course = rows // high
        shifted = cols + (course % 2) * (wide // 2) * (name != "slabs")
        tone = rng.uniform(-0.22, 0.22, (SIZE // high, SIZE // wide + 1)).astype(np.float32)
        canvas = 0.3 + tone[course, (shifted // wide) % (SIZE // wide)] + 0.06 * fine
        canvas[(rows % high < joint) | (shifted % wide < joint)] = 1.0
        return np.clip(canvas, 0.0, 1.0).astype(np.float32)
    if name == "boards":
        tone = rng.uniform(0.0, 0.5, 8).astype(np.float32)
        canvas = tone[cols // 16] + 0.1 * _unit(fine)
        canvas[cols % 16 < 2] = 1.0
        return np.clip(canvas, 0.0, 1.0).astype(np.float32)
    if name == "ribs":
        return (0.5 + 0.5 * np.sin(cols * (2 * np.pi / 16))).astype(np.float32)
    if name == "mesh":
        return (((rows + cols) % 16 < 4) | ((rows - cols) % 16 < 4)).astype(np.float32)
    if name == "ring":  # a speed limit: coloured rim, figures inside
        canvas[:] = 1.0
        cv2.circle(canvas, (half, half), 46, 0.0, -1)
        return np.where(_text("50", (half - 30, half + 16), 1.5, 7), 0.9, canvas).astype(np.float32)
    if name == "stop":
        return _text("STOP", (14, half + 14), 1.3, 6).astype(np.float32)
    if name == "warning":
        canvas[:] = 1.0
        cv2.fillConvexPoly(canvas, np.array([(half, 38), (24, 114), (104, 114)]), 0.0)
        cv2.rectangle(canvas, (half - 4, 60), (half + 4, 92), 1.0, -1)
        return canvas
    if name == "arrow":
        cv2.arrowedLine(canvas, (half, 112), (half, 20), 1.0, 14, tipLength=0.45)
        return canvas
    if name == "text":
        for y in range(22, SIZE - 12, 26):
            x = 10
            while x < SIZE - 24:
                length = int(rng.integers(8, 26))
                cv2.rectangle(canvas, (x, y), (min(x + length, SIZE - 8), y + 10), 1.0, -1)
                x += length + 8
        return canvas
    if name == "head":  # hair above the face
        canvas[:58] = 1.0
        return cv2.GaussianBlur(canvas, (0, 0), 3)
    if name == "wheel":
        cv2.circle(canvas, (half, half), 38, 1.0, -1)
        for k in range(5):
            angle = 2 * np.pi * k / 5
            tip = (int(half + 26 * np.cos(angle)), int(half + 26 * np.sin(angle)))
            cv2.circle(canvas, tip, 7, 0.3, -1)
        return canvas
    if name == "lights":  # a traffic light's three lenses on its housing; the lit one is a surface of its own
        for y in (22, 64, 106):
            cv2.circle(canvas, (half, y), 17, 1.0, -1)
        return canvas
    raise AssertionError(name)


def _blob(rng: np.random.Generator, lobes: int, spread: tuple[float, float], radius: tuple[float, float]) -> np.ndarray:
    """A union of discs as a smooth field, 0.5 on its outline."""
    field = np.zeros((SIZE, SIZE), np.float32)
    half = SIZE / 2
    for _ in range(lobes):
        angle, reach = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform())
        centre = (int(half + spread[0] * reach * np.cos(angle)), int(half + spread[1] * reach * np.sin(angle)))
        cv2.circle(field, centre, int(rng.uniform(*radius)), 1.0, -1)
    return field


def _draw_cutout(name: str, rng: np.random.Generator) -> np.ndarray:
    """One outline as a smooth field, float32 (SIZE, SIZE): solid where at least 0.5, row 0 on top."""
    field = np.zeros((SIZE, SIZE), np.float32)
    half = SIZE // 2
    rows, cols = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    if name == "disc":
        return np.clip(0.5 + (63 - np.hypot(rows - 63.5, cols - 63.5)) / 16, 0, 1)
    if name == "hoop":
        return np.clip(0.5 + (8 - np.abs(np.hypot(rows - 63.5, cols - 63.5) - 54)) / 16, 0, 1)
    if name == "octagon":
        k = 37
        points = [(k, 0), (127 - k, 0), (127, k), (127, 127 - k), (127 - k, 127), (k, 127), (0, 127 - k), (0, k)]
        cv2.fillConvexPoly(field, np.array(points), 1.0)
        return field
    if name == "triangle":
        cv2.fillConvexPoly(field, np.array([(half, 2), (0, 124), (127, 124)]), 1.0)
        return field
    if name == "diamond":
        cv2.fillConvexPoly(field, np.array([(half, 0), (127, half), (half, 127), (0, half)]), 1.0)
        return field
    if name == "pickets":  # eight boards with pointed heads; the gaps close with distance
        within = cols % 16
        gap = np.abs(within - 7.5)
        field = np.clip(0.5 + (5.6 - gap) / 8, 0, 1)
        field[rows < 10] = np.clip(0.5 + (rows[rows < 10] * 0.6 - gap[rows < 10]) / 8, 0, 1)
        rail = (np.abs(rows - 34) < 7) | (np.abs(rows - 96) < 7)
        field[rail] = 1.0
        return field
    if name == "rails":
        gap = np.abs(cols % 16 - 7.5)
        field = np.clip(0.5 + (3.2 - gap) / 8, 0, 1)
        field[(rows < 8) | (np.abs(rows - 112) < 5)] = 1.0
        return field
    if name == "mesh":
        diagonal = np.minimum(np.abs((rows + cols) % 32 - 16), np.abs((rows - cols) % 32 - 16))
        field = np.clip(0.5 + (3.5 - diagonal) / 12, 0, 1)
        field[(rows < 5) | (rows > 122)] = 1.0
        return field
    if name == "body":  # a torso: rounded shoulders
        cv2.ellipse(field, (half, 44), (62, 44), 0, 180, 360, 1.0, -1)
        cv2.rectangle(field, (2, 40), (125, 127), 1.0, -1)
        return field
    if name.startswith("conifer"):
        width = (rows / SIZE) * 60 * (0.75 + 0.25 * ((rows % 26) / 26))
        field = np.clip(0.5 + (width - np.abs(cols - 63.5)) / 12, 0, 1)
        return np.clip(field + 0.10 * _smooth_noise(rng, 2.5), 0, 1) * (rows < 125)
    if name.startswith("crown"):
        crown = cv2.GaussianBlur(_blob(rng, 22, (38, 36), (14, 26)), (0, 0), 3)
        holes = 0.16 * _smooth_noise(rng, 3.5)
        return np.clip(crown + holes - 0.06, 0, 1)
    field = _blob(rng, 16, (42, 26), (14, 22))  # bush
    field[90:] = np.maximum(field[90:], field[89])
    bush = cv2.GaussianBlur(field, (0, 0), 2.5) + 0.12 * _smooth_noise(rng, 3.0)
    bush[-2:] = 0.0
    return np.clip(bush, 0, 1)


@cache
def atlas() -> tuple[np.ndarray, np.ndarray]:
    """All patterns below one another, and their means.

    Returns:
        float32 (patterns * (SIZE + 2), SIZE + 2) with one texel of wrap-around on every side, row 0 of each pattern
        at its bottom; float32 (patterns,).
    """
    rng = np.random.default_rng(20250)
    tiles = [_draw_pattern(name, rng)[::-1].astype(np.float32) for name in PATTERNS]
    means = np.array([tile.mean() for tile in tiles], np.float32)
    return np.concatenate([np.pad(tile, _MARGIN, mode="wrap") for tile in tiles]), means


@cache
def cutouts() -> np.ndarray:
    """All outlines, uint8 (outlines, SIZE, SIZE): solid where at least 128; row 0 at the bottom."""
    rng = np.random.default_rng(20251)
    return np.stack([np.round(255 * _draw_cutout(name, rng)[::-1]).astype(np.uint8) for name in CUTOUTS])


def texels(name: str) -> np.ndarray:
    """One pattern, float32 (SIZE, SIZE), row 0 at its bottom."""
    start = PATTERN[name] * (SIZE + 2 * _MARGIN) + _MARGIN
    return atlas()[0][start : start + SIZE, _MARGIN : _MARGIN + SIZE]


def sample(index: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Look patterns up, bilinearly and periodically.

    Args:
        index: pattern per pixel, float32 (H, W).
        u: periods to the right, float32 (H, W); v: periods upwards.

    Returns:
        float32 (H, W), 0 to 1.
    """
    # +0.5 -0.5: texel centres; the wrap margin makes every neighbour of a texel lie in its own tile.
    x = (u - np.floor(u)) * SIZE + (_MARGIN - 0.5)
    y = (v - np.floor(v)) * SIZE + (_MARGIN - 0.5) + index * (SIZE + 2 * _MARGIN)
    return cv2.remap(atlas()[0], x, y, cv2.INTER_LINEAR)
