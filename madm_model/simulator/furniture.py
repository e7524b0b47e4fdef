# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Posts, lamps, signs, traffic lights, walls and fences."""

from __future__ import annotations

import numpy as np

from madm_model.simulator.buildings import hsv, shade, wall_paint
from madm_model.simulator.lighting import Climate, Lighting
from madm_model.simulator.patterns import CUTOUT, PATTERN
from madm_model.simulator.surfaces import Builder, Paint, paint

_RED, _WHITE, _BLUE, _YELLOW = (0.75, 0.06, 0.07), (0.92, 0.92, 0.9), (0.06, 0.22, 0.62), (0.95, 0.75, 0.08)

_SIGNS = (
    # outline, pattern, colours where the pattern is 0 and 1, width, height
    ("disc", "ring", _RED, _WHITE, 0.7, 0.7),
    ("disc", "arrow", _BLUE, _WHITE, 0.7, 0.7),
    ("octagon", "stop", _RED, _WHITE, 0.8, 0.8),
    ("triangle", "warning", _RED, _WHITE, 0.85, 0.78),
    ("diamond", "warning", _YELLOW, (0.12, 0.1, 0.08), 0.85, 0.85),
    ("diamond", "plain", _YELLOW, shade(_YELLOW, 0.85), 0.75, 0.75),
    ("", "arrow", _BLUE, _WHITE, 0.65, 0.65),
    ("", "text", _BLUE, _WHITE, 1.2, 0.7),
    ("", "text", (0.05, 0.4, 0.2), _WHITE, 1.4, 0.6),
    ("", "text", _WHITE, (0.1, 0.1, 0.1), 0.7, 0.9),
    ("", "text", _YELLOW, (0.1, 0.1, 0.1), 1.5, 0.5),
)


def _post(rng: np.random.Generator, climate: Climate) -> Paint:
    value = rng.choice([rng.uniform(0.1, 0.25), rng.uniform(0.4, 0.65)])
    colour = hsv(rng.choice([0.3, 0.55, 0.1]), rng.uniform(0.0, 0.25), value)
    # A round post is brighter towards one side: a single period of the ribs across it.
    return paint(
        "pole", shade(colour, 0.7), climate.air - 0.3, colour2=shade(colour, 1.2), temperature2=climate.air + 0.6,
        pattern=PATTERN["ribs"], repeat=(-0.125, 0.0), heating=5.0,
    )  # fmt: skip


def add_lamp(
    builder: Builder, rng: np.random.Generator, climate: Climate, lighting: Lighting, x: float, z: float, reach: float
) -> None:
    """Add a street lamp at (x, z) whose arm reaches `reach` metres towards -z."""
    height = rng.uniform(5.0, 8.5)
    post = _post(rng, climate)
    width = rng.uniform(0.14, 0.24)
    builder.strip((x, 0, z), (x, height, z), width * 1.3, post, end_width=width * 0.8)
    glow = lighting.lamp if lighting.night else (0.7, 0.7, 0.68)
    bulb = paint(
        "pole", glow, climate.air + (18 if lighting.night else 2), emission=1.0 if lighting.night else 0.0,
        two_sided=True,
    )  # fmt: skip
    if rng.random() < 0.65:
        builder.strip((x, height, z), (x, height + 0.3, z - reach), width * 0.6, post)
        box = ((x - 0.18, height + 0.2, z - reach - 0.7), (x + 0.18, height + 0.36, z - reach))
        builder.box(*box, post, faces="lrbtf")
        low = height + 0.18
        builder.quad(
            ((x - 0.17, low, z - reach - 0.68), (x + 0.17, low, z - reach - 0.68), (x + 0.17, low, z - reach),
             (x - 0.17, low, z - reach)), bulb,
        )  # fmt: skip
    else:
        globe = bulb._replace(cutout=float(CUTOUT["disc"]), repeat_u=-1.0, repeat_v=-1.0)
        builder.strip((x, height - 0.1, z), (x, height + 0.5, z), 0.6, globe)


def add_bollard(builder: Builder, rng: np.random.Generator, climate: Climate, x: float, z: float) -> None:
    """Add a bollard or a plain post at (x, z)."""
    height = rng.uniform(0.8, 1.2) if rng.random() < 0.7 else rng.uniform(2.0, 7.0)
    builder.strip((x, 0, z), (x, height, z), rng.uniform(0.14, 0.24), _post(rng, climate))


def add_sign(builder: Builder, rng: np.random.Generator, climate: Climate, x: float, z: float, away: float) -> None:
    """Add a post with one or two traffic signs at (x, z).

    Args:
        away: +1 if traffic that the sign concerns comes from -x, else -1; the sign shows its face to that side.
    """
    post = _post(rng, climate)
    y = rng.uniform(1.9, 2.8)
    bottom = y
    for _ in range(1 + (rng.random() < 0.35)):
        outline, pattern, colour, second, width, height = _SIGNS[int(rng.integers(len(_SIGNS)))]
        size = rng.uniform(0.95, 1.5)
        width, height = width * size, height * size
        warm = climate.air + rng.normal(-0.5, 0.6)
        shape = CUTOUT[outline] if outline else -1
        half, face = width / 2, x - 0.05 * away
        face_paint = paint(
            "traffic_sign", colour, warm, colour2=second, temperature2=warm - 0.8, pattern=PATTERN[pattern],
            repeat=(-1.0, -1.0), cutout=shape, heating=4.0, emission=0.12,
        )  # fmt: skip
        back = paint("traffic_sign", (0.45, 0.45, 0.46), warm, repeat=(-1.0, -1.0), cutout=shape)
        left, right = z + half * away, z - half * away
        builder.quad(
            ((face, y, left), (face, y, right), (face, y + height, right), (face, y + height, left)), face_paint
        )
        rear = face + 0.02 * away
        builder.quad(((rear, y, right), (rear, y, left), (rear, y + height, left), (rear, y + height, right)), back)
        y += height + 0.08
    builder.strip((x, 0, z), (x, max(y - 0.3, bottom), z), rng.uniform(0.08, 0.13), post)


def add_traffic_light(
    builder: Builder, rng: np.random.Generator, climate: Climate, x: float, z: float, away: float, reach: float
) -> None:
    """Add a traffic light at (x, z) with its face towards -x * `away`; `reach` > 0 hangs one over the road (-z)."""
    post = _post(rng, climate)
    height = rng.uniform(2.4, 3.2)
    lit = int(rng.integers(3))
    colour = ((0.1, 0.95, 0.5), (1.0, 0.75, 0.1), (1.0, 0.12, 0.08))[lit]
    dark = rng.choice([0.06, 0.1])
    places = [(height - 0.9, z)]
    builder.strip((x, 0, z), (x, height, z), 0.15, post)
    if reach > 0:
        top = rng.uniform(5.0, 6.0)
        builder.strip((x, 0, z), (x, top, z), 0.18, post)
        builder.strip((x, top, z), (x, top, z - reach), 0.12, post)
        places.append((top - 0.55, z - reach))
    housing = paint(
        "traffic_sign", (dark, dark, dark), climate.air + 1.5, colour2=(0.22, 0.2, 0.19),
        temperature2=climate.air + 2.5, pattern=PATTERN["lights"], repeat=(-1.0, -1.0),
    )  # fmt: skip
    lens = paint(
        "traffic_sign", colour, climate.air + 7, emission=1.0, cutout=CUTOUT["disc"], repeat=(-1.0, -1.0),
        two_sided=True,
    )  # fmt: skip
    for y, at in places:
        low, high = (x - 0.15, y, at - 0.19), (x + 0.15, y + 1.0, at + 0.19)
        builder.box(low, high, housing, faces="lrfbt")
        face = x - 0.17 * away
        a, b = at + 0.13 * away, at - 0.13 * away
        c, d = y + 0.05 + lit * 0.32, y + 0.31 + lit * 0.32
        builder.quad(((face, c, a), (face, c, b), (face, d, b), (face, d, a)), lens)


def add_wall(
    builder: Builder, rng: np.random.Generator, climate: Climate, left: float, right: float, z: float, height: float
) -> None:
    """Add a free-standing wall with coping from x = `left` to `right`, front at `z`."""
    surface = wall_paint(rng, climate, "wall", kinds=(0, 1, 3, 4, 4))
    coping = paint("wall", shade((surface.red, surface.green, surface.blue), rng.choice([0.65, 1.3])), climate.wall + 1)
    builder.box((left, 0, z), (right, height, z + 0.3), surface, faces="lrfb")
    builder.box((left - 0.05, height, z - 0.06), (right + 0.05, height + 0.12, z + 0.36), coping, faces="lrfbt")
    if rng.random() < 0.5:  # pillars
        for x in np.arange(left + 0.3, right, rng.uniform(2.5, 5.0)).tolist():
            low, high = (x - 0.2, 0, z - 0.08), (x + 0.2, height + 0.22, z + 0.38)
            builder.box(low, high, surface._replace(red=coping.red, green=coping.green, blue=coping.blue), faces="lrbt")


def add_fence(
    builder: Builder, rng: np.random.Generator, climate: Climate, left: float, right: float, z: float
) -> None:
    """Add a fence from x = `left` to `right` at `z`: boards, pickets, rails or wire mesh, in panels between posts."""
    kind = str(rng.choice(["boards", "pickets", "rails", "mesh"], p=[0.3, 0.3, 0.25, 0.15]))
    height = rng.uniform(1.0, 2.1) if kind != "mesh" else rng.uniform(1.6, 2.4)
    wood = hsv(rng.uniform(0.05, 0.12), rng.uniform(0.15, 0.55), rng.uniform(0.3, 0.7))
    painted = hsv(rng.random(), rng.uniform(0.0, 0.35), rng.choice([0.15, 0.85]))
    colour = {"boards": wood, "pickets": wood if rng.random() < 0.5 else painted}.get(kind, painted)
    if kind == "mesh":
        colour = hsv(0.33, rng.uniform(0.0, 0.4), rng.uniform(0.25, 0.55))
    warm = climate.air + rng.normal(0.3, 0.5)
    repeat_v = 0.5 if kind == "boards" else -1.0
    surface = paint(
        "fence", colour, warm, colour2=shade(colour, 0.45), temperature2=warm - 0.9, pattern=PATTERN["boards"],
        repeat=({"boards": 0.8, "pickets": 0.55, "rails": 0.75, "mesh": 0.9}[kind], repeat_v),
        cutout=-1 if kind == "boards" else CUTOUT[kind], two_sided=True, heating=5.0,
    )  # fmt: skip
    count = max(1, round((right - left) / 2.4))
    step = (right - left) / count
    post = surface._replace(cutout=-1.0, pattern=float(PATTERN["plain"]))
    for k in range(count):
        a, b = left + k * step, left + (k + 1) * step
        builder.quad(((a, 0, z), (b, 0, z), (b, height, z), (a, height, z)), surface)
        builder.strip((a, 0, z), (a, height + 0.1, z), 0.1, post)
    builder.strip((right, 0, z), (right, height + 0.1, z), 0.1, post)
