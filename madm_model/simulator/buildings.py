# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Houses and their fronts."""

from __future__ import annotations

import colorsys

import numpy as np

from madm_model.simulator.lighting import Climate, Lighting
from madm_model.simulator.patterns import PATTERN
from madm_model.simulator.surfaces import Builder, Colour, Paint, paint

_WALLS = (
    # pattern, hue range, saturation range, value range, joint brightness
    ("brick", (0.01, 0.06), (0.35, 0.65), (0.35, 0.62), 0.62),
    ("plaster", (0.05, 0.16), (0.05, 0.45), (0.55, 0.9), 0.0),
    ("plaster", (0.0, 1.0), (0.05, 0.3), (0.5, 0.85), 0.0),
    ("slabs", (0.08, 0.6), (0.0, 0.08), (0.4, 0.7), 0.45),
    ("stones", (0.06, 0.14), (0.08, 0.3), (0.4, 0.65), 0.5),
    ("ribs", (0.5, 0.65), (0.0, 0.3), (0.4, 0.75), 0.0),
    ("boards", (0.02, 0.6), (0.05, 0.5), (0.4, 0.85), 0.3),
)


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """RGB of a hue (cyclic), saturation and value, each 0 to 1."""
    return colorsys.hsv_to_rgb(hue % 1.0, saturation, value)


def shade(colour: Colour, factor: float) -> Colour:
    """A colour made brighter or darker."""
    return (min(colour[0] * factor, 1.0), min(colour[1] * factor, 1.0), min(colour[2] * factor, 1.0))


def wall_paint(rng: np.random.Generator, climate: Climate, label: str, kinds: tuple[int, ...] | None = None) -> Paint:
    """A random masonry paint; `kinds` restricts the choice to these rows of the table above."""
    pattern, hue, saturation, value, joint = _WALLS[int(rng.choice(kinds or range(len(_WALLS))))]
    colour = hsv(rng.uniform(*hue), rng.uniform(*saturation), rng.uniform(*value))
    second = (joint, joint, joint * 0.95) if joint else shade(colour, 0.82)
    temperature = climate.wall + rng.normal(0, 0.8)
    return paint(
        label, colour, temperature, colour2=second, temperature2=temperature - 0.5, pattern=PATTERN[pattern],
        repeat=(0.5, 0.5) if pattern != "ribs" else (0.35, 0.35), heating=rng.uniform(5, 11),
    )  # fmt: skip


def _facade(
    rng: np.random.Generator, base: Paint, climate: Climate, lighting: Lighting, cell: tuple[float, float]
) -> Paint:
    lit = lighting.lit_windows if lighting.night else 0.02
    return base._replace(
        windows=1.0, cell_width=cell[0], cell_height=cell[1], window_width=rng.uniform(0.35, 0.7),
        window_height=rng.uniform(0.42, 0.68), lit_share=lit, window_temperature=climate.window + rng.normal(0, 1.0),
        frame_brightness=float(rng.choice([0.9, 0.75, 0.2, 0.0])), hash=float(rng.integers(1024)),
    )  # fmt: skip


def add_building(
    builder: Builder,
    rng: np.random.Generator,
    climate: Climate,
    lighting: Lighting,
    width: float,
    depth: float,
    storeys: int,
    front: float,
) -> None:
    """Add a house centred on x = 0 whose front stands at z = `front` and faces -z.

    Args:
        width: metres along the street; depth: metres away from it.
        storeys: floors above the ground floor's floor, at least 1.
    """
    floor = rng.uniform(2.8, 3.8)
    height = storeys * floor + rng.uniform(0.3, 1.0)
    base = wall_paint(rng, climate, "building")
    columns = max(1, round(width / rng.uniform(2.0, 3.6)))
    facade = _facade(rng, base, climate, lighting, (width / columns, floor))
    left, right, back = -width / 2, width / 2, front + depth
    builder.quad(((left, 0, front), (right, 0, front), (right, height, front), (left, height, front)), facade)
    side = facade._replace(cell_width=max(depth / 3, 2.0)) if rng.random() < 0.6 else base
    builder.box((left, 0, front), (right, height, back), side, faces="lr")
    trim = shade((base.red, base.green, base.blue), rng.choice([0.6, 1.35]))
    edge = paint("building", trim, base.temperature + 0.5)
    near = front - 0.08
    if rng.random() < 0.7:
        builder.quad(
            ((left, height - 0.5, near), (right, height - 0.5, near), (right, height, near), (left, height, near)), edge
        )
    if storeys > 1 and rng.random() < 0.45:
        _add_shop(builder, rng, climate, lighting, width, floor, near)
    else:
        x = rng.uniform(left + 0.8, max(right - 1.8, left + 0.9))
        door = hsv(rng.random(), rng.uniform(0.2, 0.8), rng.uniform(0.15, 0.6))
        surface = paint("building", door, climate.wall + rng.uniform(0, 3), pattern=PATTERN["boards"])
        builder.quad(((x, 0, near), (x + 1.1, 0, near), (x + 1.1, 2.2, near), (x, 2.2, near)), surface)
    if rng.random() < (0.8 if storeys <= 3 else 0.3):
        _add_roof(builder, rng, climate, width, height, front, depth)


def _add_shop(
    builder: Builder,
    rng: np.random.Generator,
    climate: Climate,
    lighting: Lighting,
    width: float,
    floor: float,
    z: float,
) -> None:
    """Shop windows and a sign board along the ground floor."""
    left, right = -width / 2 + 0.3, width / 2 - 0.3
    top = floor * 0.72
    glass = (0.10, 0.13, 0.16)
    lit = lighting.night and rng.random() < 0.7
    window = paint(
        "building", (0.95, 0.85, 0.6) if lit else glass, climate.window + rng.uniform(0, 4),
        colour2=(0.6, 0.5, 0.35) if lit else (0.35, 0.38, 0.4), pattern=PATTERN["plain"], repeat=(0.25, 0.25),
        emission=0.75 if lit else 0.0, heating=1.0,
    )  # fmt: skip
    count = max(1, int((right - left) / rng.uniform(2.5, 5.0)))
    step = (right - left) / count
    for k in range(count):
        a, b = left + k * step + 0.12, left + (k + 1) * step - 0.12
        bottom = 0.0 if rng.random() < 0.25 else 0.4
        builder.quad(((a, bottom, z), (b, bottom, z), (b, top, z), (a, top, z)), window)
    board = hsv(rng.random(), rng.uniform(0.2, 0.9), rng.uniform(0.2, 0.8))
    surface = paint(
        "building", board, climate.wall + 1, colour2=(0.95, 0.95, 0.9), pattern=PATTERN["text"], repeat=(0.25, 0.25),
        emission=0.4 if lit else 0.0,
    )  # fmt: skip
    low, high = top + 0.05, floor * 0.95
    builder.quad(((left, low, z), (right, low, z), (right, high, z), (left, high, z)), surface)
    if rng.random() < 0.4:  # awning
        cloth = paint("building", board, climate.air, colour2=(0.9, 0.9, 0.88), pattern=PATTERN["ribs"], two_sided=True)
        out = z - rng.uniform(0.8, 1.4)
        builder.quad(((left, low - 0.5, out), (right, low - 0.5, out), (right, low, z), (left, low, z)), cloth)


def _add_roof(
    builder: Builder,
    rng: np.random.Generator,
    climate: Climate,
    width: float,
    height: float,
    front: float,
    depth: float,
) -> None:
    hue = rng.choice([rng.uniform(0.0, 0.06), rng.uniform(0.55, 0.65)])
    colour = hsv(hue, rng.uniform(0.05, 0.6), rng.uniform(0.2, 0.5))
    cold = climate.air - 2.0 + rng.normal(0, 0.7)  # roofs see the cold sky
    surface = paint(
        "building", colour, cold, colour2=shade(colour, 0.7), temperature2=cold - 0.6, pattern=PATTERN["brick"],
        repeat=(0.4, 0.4), heating=14.0,
    )  # fmt: skip
    rise = rng.uniform(0.2, 0.5) * min(depth, 9.0)
    hip = rng.uniform(0.0, width * 0.3) if rng.random() < 0.4 else 0.0
    eaves = 0.3
    half = width / 2 + eaves * (hip > 0)
    low, high = (-half, height, front - eaves), (half, height + rise, front + depth)
    builder.box(low, high, surface, inset=(hip, hip, depth / 2, depth / 2), faces="lrb")
    if rng.random() < 0.6:
        x = rng.uniform(-width / 2 + 0.8, width / 2 - 0.8)
        stone = paint("building", hsv(0.03, 0.35, 0.4), climate.wall + 4, pattern=PATTERN["brick"])
        z = front + depth * 0.35
        builder.box((x, height, z), (x + 0.7, height + rise + 0.8, z + 0.7), stone, faces="lrb")
