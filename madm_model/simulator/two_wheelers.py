# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Bicycles and motorcycles in their own frame: x right, y up, z forward, wheels on y = 0."""

from __future__ import annotations

import numpy as np

from madm_model.simulator.buildings import hsv
from madm_model.simulator.lighting import Climate, Lighting
from madm_model.simulator.patterns import CUTOUT
from madm_model.simulator.surfaces import Builder, paint
from madm_model.simulator.vehicles import Vehicle


def make_two_wheeler(rng: np.random.Generator, climate: Climate, lighting: Lighting, moving: bool) -> Vehicle:
    """A bicycle or motorcycle, without its rider."""
    builder = Builder()
    motor = rng.random() < 0.4
    radius, base = (0.3, 0.68) if motor else (0.34, 0.52)
    warm = climate.air + (12.0 if motor and moving else 0.5)
    tyre = paint(
        "vehicle", (0.05, 0.05, 0.05), warm, repeat=(-1.0, -1.0), cutout=CUTOUT["disc" if motor else "hoop"],
        two_sided=True,
    )  # fmt: skip
    for z in (-base, base):
        a, b = z - radius, z + radius
        builder.quad(((0, 0, a), (0, 0, b), (0, 2 * radius, b), (0, 2 * radius, a)), tyre)
        builder.strip((0, 0, z), (0, 2 * radius, z), 0.12 if motor else 0.06, tyre._replace(cutout=-1.0))
    colour = hsv(rng.random(), rng.uniform(0.1, 0.95), rng.uniform(0.15, 0.8))
    frame = paint("vehicle", colour, climate.air + 1)
    bars = 1.05
    if motor:
        engine = paint("vehicle", (0.12, 0.12, 0.13), climate.air + (35 if moving else 2))
        builder.box((-0.17, 0.25, -0.3), (0.17, 0.6, 0.3), engine)
        builder.box((-0.15, 0.6, -0.75), (0.15, 0.86, 0.45), frame, inset=(0.04, 0.04, 0.1, 0.1))
    else:
        tube = 0.065
        builder.strip((0, radius, -base), (0, 0.85, -0.18), tube, frame)
        builder.strip((0, 0.3, 0.0), (0, 0.9, -0.2), tube, frame)
        builder.strip((0, 0.3, 0.0), (0, 0.85, 0.38), tube, frame)
        builder.strip((0, 0.75, -0.15), (0, 0.8, 0.4), tube, frame)
        builder.strip((0, radius, -base), (0, 0.3, 0.0), tube, frame)
        builder.box((-0.08, 0.9, -0.32), (0.08, 0.97, -0.05), frame._replace(red=0.05, green=0.05, blue=0.05))
    builder.strip((0, radius, base), (0, bars, base - 0.16), 0.07, frame)
    builder.strip(
        (-0.3, bars, base - 0.18), (0.3, bars, base - 0.18), 0.06, frame._replace(red=0.1, green=0.1, blue=0.1)
    )
    if lighting.night and moving:
        for z, glow in ((base, (1.0, 1.0, 0.9)), (-base - 0.2, (0.9, 0.05, 0.05))):
            lamp = paint("vehicle", glow, climate.air + 4, emission=1.0, cutout=CUTOUT["disc"], repeat=(-1.0, -1.0))
            builder.strip((0, 0.75, z), (0, 0.9, z), 0.15, lamp)
    quads, strips = builder.build()
    return Vehicle(quads, strips, 2 * (base + radius), 0.6)
