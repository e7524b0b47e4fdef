# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The scene as flat surfaces: world-fixed quads and strips that turn towards the camera.

World coordinates are metres: x to the right, y up, z forward along the street at its origin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from madm_model.labels import STREET_11

LABEL = {name: index for index, name in enumerate(STREET_11.names)}
"""Class name to class id."""

Colour = tuple[float, ...]
"""Red, green and blue, 0 to 1."""


class Paint(NamedTuple):
    """How a surface looks to every sensor; all numbers, so that paints stack into one float table."""

    label: float
    red: float
    green: float
    blue: float
    red2: float
    green2: float
    blue2: float
    temperature: float
    """Degrees Celsius where the pattern is 0."""
    temperature2: float
    """Degrees Celsius where the pattern is 1."""
    pattern: float
    repeat_u: float
    """Pattern periods per metre along the first edge; negative: that many periods over the whole edge."""
    repeat_v: float
    cutout: float
    """Index of the outline stamped out of the surface, -1 for none."""
    emission: float
    """Light the surface gives off by itself, 0 to 1 (a lamp shows its colour at night too)."""
    heating: float
    """Degrees that full sun adds."""
    two_sided: float
    windows: float
    """1 for a facade: the numbers below describe its window grid."""
    cell_width: float
    cell_height: float
    window_width: float
    """Share of the cell that the window takes."""
    window_height: float
    lit_share: float
    """Share of the windows with light behind them."""
    window_temperature: float
    frame_brightness: float
    hash: float


_COLUMN = {name: index for index, name in enumerate(Paint._fields)}


def column(table: np.ndarray, name: str) -> np.ndarray:
    """One column of a paint table, float32 (N,)."""
    return table[:, _COLUMN[name]]


def columns(table: np.ndarray, first: str, count: int) -> np.ndarray:
    """`count` neighbouring columns of a paint table from the one named `first`, float32 (N, count)."""
    start = _COLUMN[first]
    return table[:, start : start + count]


def paint(
    label: str,
    colour: Colour,
    temperature: float,
    *,
    colour2: Colour | None = None,
    temperature2: float | None = None,
    pattern: int = 0,
    repeat: tuple[float, float] = (0.5, 0.5),
    cutout: int = -1,
    emission: float = 0.0,
    heating: float = 3.0,
    two_sided: bool = False,
) -> Paint:
    """A paint of two colours (and temperatures) that a pattern mixes.

    Args:
        label: class name in `STREET_11`.
        colour: RGB reflectance, 0 to 1, where the pattern is 0; `colour2` where it is 1.
        temperature: degrees Celsius, `temperature2` where the pattern is 1.
        repeat: pattern periods per metre along both edges; negative counts over the whole edge.
        cutout: index into `patterns.cutouts()`, -1 for the full quad.
    """
    second = colour if colour2 is None else colour2
    warm = temperature if temperature2 is None else temperature2
    return Paint(
        LABEL[label], colour[0], colour[1], colour[2], second[0], second[1], second[2], temperature, warm,
        pattern, *repeat, cutout, emission, heating, float(two_sided),
        0.0, 1.0, 1.0, 0.0, 0.0, 0.0, temperature, 0.0, 0.0,
    )  # fmt: skip


def as_table(paints: Iterable[Paint]) -> np.ndarray:
    """Stack paints into float32 (N, number of fields)."""
    return np.asarray(list(paints), np.float32).reshape(-1, len(Paint._fields))


@dataclass(frozen=True)
class Quads:
    """Flat four-cornered surfaces.

    Attributes:
        corners: float64 (N, 4, 3), seen from outside: bottom left, bottom right, top right, top left.
        paints: float32 (N, fields of `Paint`).
    """

    corners: np.ndarray
    paints: np.ndarray


@dataclass(frozen=True)
class Strips:
    """Flat strips along an axis that turn about it to face the camera: posts, limbs, trunks, tree crowns.

    Attributes:
        ends: float64 (N, 2, 3), the axis.
        widths: float64 (N, 2), metres at both ends.
        paints: float32 (N, fields of `Paint`).
    """

    ends: np.ndarray
    widths: np.ndarray
    paints: np.ndarray

    def facing(self, eye: np.ndarray) -> Quads:
        """The strips as quads that face the point `eye`, float64 (3,)."""
        start, end = self.ends[:, 0], self.ends[:, 1]
        side = np.cross(end - start, eye - start)
        # Left to right as the camera sees it: the axis points up, so its product with the line to the eye points left.
        side /= (np.linalg.norm(side, axis=1, keepdims=True) + 1e-9) * 2.0
        low, high = side * self.widths[:, :1], side * self.widths[:, 1:]
        corners = np.stack([start + low, start - low, end - high, end + high], axis=1)
        return Quads(corners, self.paints)


class Frame(NamedTuple):
    """A local frame on the ground: x to the right, y up, z forward."""

    origin: np.ndarray
    right: np.ndarray
    forward: np.ndarray

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """Local points (..., 3) in world coordinates."""
        rotation = np.stack([self.right, (0.0, 1.0, 0.0), self.forward])
        return points @ rotation + self.origin


class Builder:
    """Collects quads and strips in a local frame."""

    def __init__(self) -> None:
        self._corners: list[Sequence[Sequence[float]]] = []
        self._quad_paints: list[Paint] = []
        self._ends: list[Sequence[Sequence[float]]] = []
        self._widths: list[tuple[float, float]] = []
        self._strip_paints: list[Paint] = []

    def quad(self, corners: Sequence[Sequence[float]], surface: Paint) -> None:
        """Add one quad: bottom left, bottom right, top right, top left, seen from outside."""
        self._corners.append(corners)
        self._quad_paints.append(surface)

    def strip(
        self, start: Sequence[float], end: Sequence[float], width: float, surface: Paint, end_width: float | None = None
    ) -> None:
        """Add one camera-facing strip from `start` (bottom) to `end` (top)."""
        self._ends.append((start, end))
        self._widths.append((width, width if end_width is None else end_width))
        self._strip_paints.append(surface)

    def box(
        self,
        low: Sequence[float],
        high: Sequence[float],
        surface: Paint,
        *,
        inset: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
        faces: str = "lrfbt",
        top: Paint | None = None,
    ) -> None:
        """Add the named faces of a box: left (-x), right (+x), front (+z), back (-z), top.

        Args:
            inset: how far the top edges lie inside the bottom ones: left, right, front, back.
            top: paint of the top face, `surface` if not given.
        """
        (x0, y0, z0), (x1, y1, z1) = low, high
        a, b, c, d = x0 + inset[0], x1 - inset[1], z1 - inset[2], z0 + inset[3]
        if "l" in faces:
            self.quad(((x0, y0, z1), (x0, y0, z0), (a, y1, d), (a, y1, c)), surface)
        if "r" in faces:
            self.quad(((x1, y0, z0), (x1, y0, z1), (b, y1, c), (b, y1, d)), surface)
        if "f" in faces:
            self.quad(((x1, y0, z1), (x0, y0, z1), (a, y1, c), (b, y1, c)), surface)
        if "b" in faces:
            self.quad(((x0, y0, z0), (x1, y0, z0), (b, y1, d), (a, y1, d)), surface)
        if "t" in faces:
            self.quad(((a, y1, d), (b, y1, d), (b, y1, c), (a, y1, c)), top or surface)

    def build(self, frame: Frame | None = None) -> tuple[Quads, Strips]:
        """Everything collected, in world coordinates if a frame is given."""
        corners = np.asarray(self._corners, np.float64).reshape(-1, 4, 3)
        ends = np.asarray(self._ends, np.float64).reshape(-1, 2, 3)
        if frame is not None:
            corners, ends = frame.to_world(corners), frame.to_world(ends)
        quads = Quads(corners, as_table(self._quad_paints))
        return quads, Strips(ends, np.asarray(self._widths, np.float64).reshape(-1, 2), as_table(self._strip_paints))


def join_quads(parts: Sequence[Quads]) -> Quads:
    """One batch of several."""
    return Quads(np.concatenate([p.corners for p in parts]), np.concatenate([p.paints for p in parts]))


def join_strips(parts: Sequence[Strips]) -> Strips:
    """One batch of several."""
    return Strips(
        np.concatenate([p.ends for p in parts]),
        np.concatenate([p.widths for p in parts]),
        np.concatenate([p.paints for p in parts]),
    )
