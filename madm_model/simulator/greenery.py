# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Trees, bushes and hedges."""

from __future__ import annotations

import numpy as np

from madm_model.simulator.buildings import hsv, shade
from madm_model.simulator.lighting import Climate
from madm_model.simulator.patterns import CUTOUT, PATTERN
from madm_model.simulator.surfaces import Builder, Colour, Paint, paint


def leaf_paint(
    rng: np.random.Generator, climate: Climate, season: Colour, *, cutout: int = -1, hedge: bool = False
) -> Paint:
    """A random leaf colour for the season."""
    base = hsv(rng.uniform(0.18, 0.36), rng.uniform(0.3, 0.7), rng.uniform(0.22, 0.5))
    colour = tuple(min(c * f, 1.0) for c, f in zip(base, season))
    temperature = climate.foliage + rng.normal(0, 0.6)
    repeat = (-1.0, -1.0) if cutout >= 0 else (0.5, 0.5)
    return paint(
        "vegetation", shade(colour, 0.45), temperature - 0.8, colour2=shade(colour, 1.4),
        temperature2=temperature + 0.8, pattern=PATTERN["leaves" if hedge or rng.random() < 0.6 else "foliage"],
        repeat=repeat, cutout=cutout, heating=2.0,
    )  # fmt: skip


def add_tree(
    builder: Builder, rng: np.random.Generator, climate: Climate, season: Colour, x: float, z: float, scale: float = 1.0
) -> None:
    """Add a leafy tree or a conifer at (x, z)."""
    height = rng.uniform(4.5, 10.0) * scale
    bark = hsv(rng.uniform(0.04, 0.1), rng.uniform(0.15, 0.45), rng.uniform(0.18, 0.42))
    trunk = paint(
        "vegetation", shade(bark, 0.7), climate.air + 0.5, colour2=bark, temperature2=climate.air + 1.2,
        pattern=PATTERN["boards"], repeat=(-0.5, 0.3),
    )  # fmt: skip
    width = rng.uniform(0.16, 0.42) * np.sqrt(scale)
    if rng.random() < 0.2:
        leaf = leaf_paint(rng, climate, (1.0, 1.0, 1.0), cutout=CUTOUT[str(rng.choice(["conifer0", "conifer1"]))])
        builder.strip((x, 0, z), (x, 0.15 * height, z), width, trunk)
        builder.strip((x, 0.08 * height, z), (x, height, z), height * rng.uniform(0.35, 0.55), leaf)
        return
    stem = height * rng.uniform(0.25, 0.4)
    builder.strip((x, 0, z), (x, height * 0.6, z), width, trunk, end_width=width * 0.5)
    crown = height - stem
    leaf = leaf_paint(rng, climate, season, cutout=CUTOUT[f"crown{rng.integers(6)}"])
    spread = crown * rng.uniform(0.75, 1.25)
    builder.strip((x, stem, z), (x, height, z), spread, leaf)
    for _ in range(int(rng.integers(1, 3))):  # further lobes give the crown depth
        dx, dz = rng.uniform(-0.25, 0.25, 2) * spread
        low = stem + rng.uniform(0.0, 0.3) * crown
        lobe = leaf._replace(cutout=float(CUTOUT[f"crown{rng.integers(6)}"]))
        size = rng.uniform(0.5, 0.75)
        builder.strip((x + dx, low, z + dz), (x + dx, low + crown * size, z + dz), spread * size, lobe)


def add_bush(builder: Builder, rng: np.random.Generator, climate: Climate, season: Colour, x: float, z: float) -> None:
    """Add a bush of 0.6 to 2 m at (x, z)."""
    height = rng.uniform(0.6, 2.0)
    leaf = leaf_paint(rng, climate, season, cutout=CUTOUT[f"bush{rng.integers(3)}"], hedge=True)
    # The outline leaves the lower eighth of its square empty.
    builder.strip((x, -0.1 * height, z), (x, height, z), height * rng.uniform(1.0, 1.6), leaf)


def add_hedge(
    builder: Builder, rng: np.random.Generator, climate: Climate, season: Colour, left: float, right: float, z: float
) -> None:
    """Add a clipped hedge from x = `left` to `right` with its front at `z`."""
    height, depth = rng.uniform(0.8, 2.2), rng.uniform(0.5, 1.0)
    leaf = leaf_paint(rng, climate, season, hedge=True)
    builder.box((left, 0, z), (right, height, z + depth), leaf, inset=(0.05, 0.05, 0.08, 0.08), faces="lrbt")
    for _ in range(int((right - left) / 1.2)):  # a ragged top
        x = rng.uniform(left + 0.4, max(right - 0.4, left + 0.41))
        tuft = leaf._replace(cutout=float(CUTOUT[f"bush{rng.integers(3)}"]), repeat_u=-0.8, repeat_v=-0.8)
        builder.strip((x, height - 0.5, z + depth / 2), (x, height + 0.25, z + depth / 2), 1.3, tuft)
