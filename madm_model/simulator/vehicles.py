# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Cars, vans, trucks and buses in their own frame: x right, y up, z forward, wheels on y = 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from madm_model.simulator.buildings import hsv, shade
from madm_model.simulator.lighting import Climate, Lighting
from madm_model.simulator.patterns import CUTOUT, PATTERN
from madm_model.simulator.surfaces import Builder, Colour, Paint, Quads, Strips, paint


@dataclass(frozen=True)
class Vehicle:
    """A vehicle's surfaces in its own frame and the room it takes, metres."""

    quads: Quads
    strips: Strips
    length: float
    width: float


@dataclass(frozen=True)
class _Shape:
    length: float
    width: float
    sill: float
    belt: float
    roof: float
    cabin_back: float
    """Bottom of the rear window, share of the length from the rear end."""
    cabin_front: float
    slope_back: float
    slope_front: float
    wheel: float


def _body_colour(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.6:
        value = rng.choice([0.06, 0.2, 0.45, 0.7, 0.9])
        return hsv(0.6, rng.uniform(0.0, 0.08), value)
    return hsv(rng.random(), rng.uniform(0.45, 0.95), rng.uniform(0.25, 0.85))


def _car_shape(rng: np.random.Generator) -> _Shape:
    kind = str(rng.choice(["hatch", "saloon", "estate", "suv"]))
    scale = rng.uniform(0.93, 1.07)
    back, slope_back, roof = {
        "hatch": (0.02, 0.45, 1.48),
        "saloon": (0.17, 0.6, 1.44),
        "estate": (0.01, 0.3, 1.48),
        "suv": (0.01, 0.3, 1.7),
    }[kind]
    length = {"hatch": 3.9, "saloon": 4.6, "estate": 4.6, "suv": 4.6}[kind] * scale
    belt = roof * rng.uniform(0.58, 0.64)
    return _Shape(
        length, rng.uniform(1.7, 1.9), 0.24, belt, roof * scale, back, rng.uniform(0.7, 0.78), slope_back,
        rng.uniform(0.6, 0.9), rng.uniform(0.3, 0.36),
    )  # fmt: skip


def _wheels(builder: Builder, climate: Climate, moving: bool, half: float, radius: float, at: list[float]) -> None:
    warm = climate.air + (16.0 if moving else 1.0)
    tyre = paint(
        "vehicle", (0.04, 0.04, 0.045), warm, colour2=(0.5, 0.5, 0.52), temperature2=warm + (8.0 if moving else 0.0),
        pattern=PATTERN["wheel"], repeat=(-1.0, -1.0), cutout=CUTOUT["disc"],
    )  # fmt: skip
    for z in at:
        a, b, top = z - radius, z + radius, 2 * radius
        x = half + 0.015
        builder.quad(((x, 0, a), (x, 0, b), (x, top, b), (x, top, a)), tyre)
        builder.quad(((-x, 0, b), (-x, 0, a), (-x, top, a), (-x, top, b)), tyre)
    # Seen from the front or behind, the tyres' treads.
    plain = tyre._replace(cutout=-1.0, pattern=0.0, red2=0.05, green2=0.05, blue2=0.05)
    for z, faces in ((at[0], "b"), (at[-1], "f")):
        for x in (-half + 0.02, half - 0.24):
            builder.box((x, 0, z - radius * 0.8), (x + 0.22, radius, z + radius * 0.8), plain, faces=faces)


def _plate(
    builder: Builder, x0: float, x1: float, y0: float, y1: float, z: float, surface: Paint, *, front: bool
) -> None:
    """A rectangle on the front (+z) or the rear (-z) of a vehicle."""
    if front:
        builder.quad(((x1, y0, z), (x0, y0, z), (x0, y1, z), (x1, y1, z)), surface)
    else:
        builder.quad(((x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)), surface)


def _lights(
    builder: Builder, rng: np.random.Generator, climate: Climate, lighting: Lighting, moving: bool, shape: _Shape
) -> None:
    """Head and tail lights, grille and number plates."""
    on = moving and lighting.night
    half, front = shape.width / 2, shape.length / 2 + 0.02
    y0, y1 = shape.sill + (shape.belt - shape.sill) * 0.5, shape.sill + (shape.belt - shape.sill) * 0.78
    warm = climate.air + (12 if on else 2)
    head = paint("vehicle", (1.0, 0.98, 0.9) if on else (0.75, 0.78, 0.8), warm, emission=1.0 if on else 0.1)
    tail = paint("vehicle", (0.9, 0.05, 0.04) if on else (0.5, 0.04, 0.04), warm, emission=0.9 if on else 0.05)
    engine = climate.air + (rng.uniform(12, 28) if moving else rng.choice([0.5, 9.0], p=[0.8, 0.2]))
    grille = paint(
        "vehicle", (0.05, 0.05, 0.06), engine, colour2=(0.25, 0.25, 0.26), temperature2=engine - 4,
        pattern=PATTERN["ribs"], repeat=(1.0, 1.0),
    )  # fmt: skip
    number = paint("vehicle", (0.88, 0.88, 0.8), climate.air, colour2=(0.1, 0.1, 0.1), pattern=PATTERN["text"])
    wide = shape.width * rng.uniform(0.16, 0.24)
    for x0 in (-half + 0.05, half - 0.05 - wide):
        _plate(builder, x0, x0 + wide, y0, y1, front, head, front=True)
        _plate(builder, x0, x0 + wide, y0, y1 + 0.06, -front, tail, front=False)
    _plate(builder, -half * 0.5, half * 0.5, shape.sill + 0.08, y1, front - 0.005, grille, front=True)
    _plate(builder, -0.26, 0.26, shape.sill + 0.12, shape.sill + 0.25, front, number, front=True)
    _plate(builder, -0.26, 0.26, y0 - 0.05, y0 + 0.08, -front, number, front=False)
    if moving:
        hot = paint("vehicle", (0.1, 0.1, 0.1), climate.air + rng.uniform(30, 60))
        _plate(builder, half * 0.45, half * 0.45 + 0.16, shape.sill - 0.08, shape.sill + 0.06, -front, hot, front=False)


def _glass(climate: Climate) -> Paint:
    return paint(
        "vehicle", (0.06, 0.08, 0.1), climate.air - 2.0, colour2=(0.32, 0.37, 0.42), temperature2=climate.air - 5.0,
        pattern=PATTERN["plain"], repeat=(0.4, 0.4), heating=1.0,
    )  # fmt: skip


def _shadow(builder: Builder, climate: Climate, half: float, length: float) -> None:
    """The dark patch of road under a vehicle."""
    dark = paint("road", (0.07, 0.07, 0.075), climate.road - 1.0, two_sided=True, heating=0.0)
    x, z = half + 0.12, length / 2 + 0.1
    builder.quad(((-x, 0.02, -z), (x, 0.02, -z), (x, 0.02, z), (-x, 0.02, z)), dark)


def _car(rng: np.random.Generator, climate: Climate, lighting: Lighting, moving: bool) -> Vehicle:
    builder = Builder()
    shape = _car_shape(rng)
    colour = _body_colour(rng)
    metal = climate.air + (2.5 if moving else 0.0) + rng.normal(0, 0.7)
    body = paint(
        "vehicle", shade(colour, 0.85), metal, colour2=shade(colour, 1.15), temperature2=metal + 0.5,
        pattern=PATTERN["plain"], repeat=(0.3, 0.3), heating=12.0,
    )  # fmt: skip
    hood = body
    if moving:
        heat = float(rng.uniform(6, 16))
        hood = body._replace(temperature=body.temperature + heat, temperature2=body.temperature2 + heat)
    half, rear, front = shape.width / 2, -shape.length / 2, shape.length / 2
    middle = shape.sill + 0.55 * (shape.belt - shape.sill)
    _shadow(builder, climate, half, shape.length)
    builder.box((-half, shape.sill, rear), (half, middle, front), body, faces="lrfb")
    builder.box(
        (-half, middle, rear), (half, shape.belt, front), body, inset=(0.05, 0.05, 0.14, 0.05), faces="lrfbt", top=hood
    )
    back, nose = rear + shape.cabin_back * shape.length, rear + shape.cabin_front * shape.length
    inset = (0.2, 0.2, shape.slope_front, shape.slope_back)
    low = (-half + 0.06, shape.belt, back)
    high = (half - 0.06, shape.roof, nose)
    builder.box(low, high, body, inset=inset, faces="lrfbt")
    _windows(builder, _glass(climate), low, high, inset)
    spread = shape.length * 0.31
    _wheels(builder, climate, moving, half, shape.wheel, [-spread, spread])
    _lights(builder, rng, climate, lighting, moving, shape)
    quads, strips = builder.build()
    return Vehicle(quads, strips, shape.length, shape.width)


def _windows(
    builder: Builder,
    glass: Paint,
    low: tuple[float, float, float],
    high: tuple[float, float, float],
    inset: tuple[float, float, float, float],
) -> None:
    """Glass just outside the faces of a cabin, leaving pillars of body colour."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    a, b, c, d = x0 + inset[0], x1 - inset[1], z1 - inset[2], z0 + inset[3]

    def point(side: float, up: float, along: float) -> tuple[float, float, float]:
        """A point on the cabin: side 0 left to 1 right, up 0 to 1, along 0 rear to 1 front."""
        x = (x0 + (a - x0) * up) * (1 - side) + (x1 + (b - x1) * up) * side
        z = (z0 + (d - z0) * up) * (1 - along) + (z1 + (c - z1) * up) * along
        return x, y0 + (y1 - y0) * up, z

    def moved(corners: list[tuple[float, float, float]], dx: float, dz: float) -> list[tuple[float, float, float]]:
        return [(x + dx, y, z + dz) for x, y, z in corners]

    for first, last in ((0.06, 0.47), (0.53, 0.94)):
        left = [point(0, 0.08, last), point(0, 0.08, first), point(0, 0.86, first), point(0, 0.86, last)]
        right = [point(1, 0.08, first), point(1, 0.08, last), point(1, 0.86, last), point(1, 0.86, first)]
        builder.quad(moved(left, -0.02, 0), glass)
        builder.quad(moved(right, 0.02, 0), glass)
    screen = [point(0.94, 0.06, 1), point(0.06, 0.06, 1), point(0.06, 0.92, 1), point(0.94, 0.92, 1)]
    builder.quad(moved(screen, 0, 0.03), glass)
    rear = [point(0.08, 0.1, 0), point(0.92, 0.1, 0), point(0.92, 0.88, 0), point(0.08, 0.88, 0)]
    builder.quad(moved(rear, 0, -0.03), glass)


def _tall(rng: np.random.Generator, climate: Climate, lighting: Lighting, moving: bool, kind: str) -> Vehicle:
    """A van, truck or bus."""
    builder = Builder()
    length, width, roof = {
        "van": (rng.uniform(4.8, 6.0), rng.uniform(1.9, 2.05), rng.uniform(1.95, 2.6)),
        "truck": (rng.uniform(6.5, 9.5), rng.uniform(2.3, 2.5), rng.uniform(2.8, 3.6)),
        "bus": (rng.uniform(9.5, 12.0), 2.5, rng.uniform(2.9, 3.2)),
    }[kind]
    colour = _body_colour(rng)
    metal = climate.air + (3.0 if moving else 0.3) + rng.normal(0, 0.7)
    body = paint(
        "vehicle", shade(colour, 0.9), metal, colour2=shade(colour, 1.12), temperature2=metal + 0.6,
        pattern=PATTERN["plain"], repeat=(0.25, 0.25), heating=12.0,
    )  # fmt: skip
    half, rear, front = width / 2, -length / 2, length / 2
    sill = 0.3 if kind != "truck" else 0.5
    nose = 0.5 if kind == "van" else 0.12
    glass = _glass(climate)
    _shadow(builder, climate, half, length)
    belt = sill + 0.42 * (roof - sill) if kind != "truck" else 1.5
    if kind == "truck":
        cab = front - 2.0
        cargo_colour = _body_colour(rng) if rng.random() < 0.5 else (0.85, 0.85, 0.84)
        cargo = paint(
            "vehicle", cargo_colour, climate.air - 0.5, colour2=shade(cargo_colour, 0.86), pattern=PATTERN["ribs"],
            repeat=(0.2, 0.2), heating=10.0,
        )  # fmt: skip
        builder.box((-half, 0.95, rear), (half, roof, cab - 0.15), cargo, faces="lrfbt")
        builder.box((-half + 0.25, 0.45, rear + 0.2), (half - 0.25, 0.95, cab), body, faces="lrb")
        builder.box((-half, sill, cab), (half, min(roof - 0.1, 2.7), front), body, inset=(0, 0, 0.15, 0), faces="lrfbt")
        top, back = min(roof - 0.1, 2.7), cab
    else:
        builder.box((-half, sill, rear), (half, belt, front), body, faces="lrfbt")
        builder.box(
            (-half, belt, rear), (half, roof, front - 0.05 - 0.6 * (kind == "van")), body,
            inset=(0.06, 0.06, nose, 0.04), faces="lrfbt",
        )  # fmt: skip
        top, back = roof, rear
    face = front - 0.05 - 0.6 * (kind == "van") + 0.03 if kind != "truck" else front + 0.02
    lean = nose if kind != "truck" else 0.1
    builder.quad(
        ((half - 0.15, belt, face), (-half + 0.15, belt, face), (-half + 0.2, top - 0.2, face - lean * 0.85),
         (half - 0.2, top - 0.2, face - lean * 0.85)), glass,
    )  # fmt: skip
    start = {"van": front - 2.4, "truck": back + 0.4, "bus": back + 0.4}[kind]
    count = 6 if kind == "bus" else 1
    step = (front - 0.95 - start) / count
    x = half - (0.0 if kind == "truck" else 0.02) + 0.02
    for k in range(count):
        z0, z1 = start + k * step + 0.08, start + (k + 1) * step - 0.08
        high = belt + 0.6 * (top - belt) if kind != "bus" else top - 0.45
        builder.quad(((x, belt, z0), (x, belt, z1), (x, high, z1), (x, high, z0)), glass)
        builder.quad(((-x, belt, z1), (-x, belt, z0), (-x, high, z0), (-x, high, z1)), glass)
    if kind == "bus" or (kind == "van" and rng.random() < 0.6):
        _plate(builder, -half + 0.2, half - 0.2, belt + 0.1, top - 0.3, rear - 0.03, glass, front=False)
    radius = 0.36 if kind == "van" else 0.48
    axles = [-length * 0.3, length * 0.31] if kind != "truck" else [-length * 0.3, -length * 0.14, length * 0.34]
    _wheels(builder, climate, moving, half, radius, axles)
    shape = _Shape(length, width, sill, min(belt, 1.3), roof, 0, 0, 0, 0, radius)
    _lights(builder, rng, climate, lighting, moving, shape)
    quads, strips = builder.build()
    return Vehicle(quads, strips, length, width)


def make_vehicle(rng: np.random.Generator, climate: Climate, lighting: Lighting, moving: bool) -> Vehicle:
    """A random four-wheeled vehicle; a moving one is warm and, in the dark, lit."""
    kind = str(rng.choice(["car", "van", "truck", "bus"], p=[0.76, 0.13, 0.07, 0.04]))
    if kind == "car":
        return _car(rng, climate, lighting, moving)
    return _tall(rng, climate, lighting, moving, kind)
