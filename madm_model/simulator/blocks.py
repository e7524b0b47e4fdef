# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Everything that stands still, in blocks of 30 m along the street; a block depends on the seed and its index only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from madm_model.simulator.buildings import add_building
from madm_model.simulator.furniture import (
    add_bollard,
    add_fence,
    add_lamp,
    add_sign,
    add_traffic_light,
    add_wall,
)
from madm_model.simulator.greenery import add_bush, add_hedge, add_tree
from madm_model.simulator.persons import make_person, pose
from madm_model.simulator.street_style import StreetStyle
from madm_model.simulator.surfaces import Builder, Frame, Quads, Strips, join_quads, join_strips
from madm_model.simulator.two_wheelers import make_two_wheeler
from madm_model.simulator.vehicles import make_vehicle

LENGTH = 30.0
"""Length of a block, metres."""

LOT_KINDS = ("building", "yard", "wall", "fence", "park", "hedge")
"""What a lot along the sidewalk holds; `StreetStyle.lot_weights` follows this order."""

_OFFSET = 1 << 20  # block indices may be negative, seeds of generators may not


@dataclass(frozen=True)
class Block:
    """One block of the street.

    Attributes:
        crossing: start and end (s, metres) of the side street in it, or None.
        green: bool (2,), whether the ground behind the left and right sidewalk is grass.
    """

    quads: Quads
    strips: Strips
    crossing: tuple[float, float] | None
    green: tuple[bool, bool]


def crossing_of(style: StreetStyle, index: int) -> tuple[float, float] | None:
    """Start and end of a block's side street along s, None if it has none. Neighbouring blocks never both have one."""

    def wish(k: int) -> float:
        return float(np.random.default_rng([style.seed, 3, k + _OFFSET]).random())

    if wish(index) > style.crossing_share or wish(index) > min(wish(index - 1), wish(index + 1)):
        return None
    width = np.random.default_rng([style.seed, 4, index + _OFFSET]).uniform(7.0, 12.0)
    return index * LENGTH + 3.0, index * LENGTH + 3.0 + float(width)


class _Side:
    """Builds one side of a block in lot frames: x along the street, z away from it."""

    def __init__(self, style: StreetStyle, rng: np.random.Generator, side: int) -> None:
        self.style, self.rng, self.side = style, rng, side
        self.parts: list[tuple[Quads, Strips]] = []

    def place(self, builder: Builder, s: float, n: float, *, turn: float | None = None, height: float = 0.0) -> None:
        """Put what a builder holds at street coordinates; n is measured to this side."""
        frame = self.style.frame(s, self.side * n, self.side * np.pi / 2 if turn is None else turn, height)
        self.parts.append(builder.build(frame))

    def lot(self, start: float, end: float) -> None:
        """Fill one lot from s = `start` to `end`."""
        style, rng = self.style, self.rng
        climate, lighting, season = style.climate, style.lighting, style.season
        weights = np.array(style.lot_weights)
        kind = LOT_KINDS[int(rng.choice(len(LOT_KINDS), p=weights / weights.sum()))]
        width = end - start
        left, right = -width / 2, width / 2
        front = 0.0
        builder = Builder()
        storeys = int(rng.integers(style.storeys[0], style.storeys[1] + 1))
        if kind == "building":
            gap = rng.uniform(0.5, 2.5) if rng.random() < 0.25 else 0.0
            add_building(builder, rng, climate, lighting, width - gap, rng.uniform(8, 14), storeys, rng.uniform(0, 0.4))
        else:
            front = style.setback * rng.uniform(0.7, 1.2)
        if kind == "yard":
            border = str(rng.choice(["fence", "wall", "hedge", "none"], p=[0.36, 0.26, 0.2, 0.18]))
            self._border(builder, border, left, right)
            house = max(5.0, (width - rng.uniform(1.0, 4.0)) * rng.uniform(0.75, 1.0))
            add_building(builder, rng, climate, lighting, house, rng.uniform(7, 11), min(storeys, 3), front)
        elif kind == "wall":
            add_wall(builder, rng, climate, left, right, 0.0, rng.uniform(1.6, 3.4))
        elif kind == "fence":
            add_fence(builder, rng, climate, left, right, 0.0)
        elif kind == "hedge":
            add_hedge(builder, rng, climate, season, left, right, 0.1)
        if kind in ("wall", "fence", "park", "hedge"):
            self._behind(builder, front, left, right)
        if kind in ("yard", "park", "fence"):
            for _ in range(int(rng.integers(0, 3))):
                add_bush(builder, rng, climate, season, rng.uniform(left, right), rng.uniform(0.7, max(front - 0.5, 1)))
            if rng.random() < 0.5:
                add_tree(builder, rng, climate, season, rng.uniform(left, right), front * 0.6, 0.7)
        self.place(builder, (start + end) / 2, style.curb_to_front, height=style.kerb)

    def _border(self, builder: Builder, border: str, left: float, right: float) -> None:
        """Close a front yard, leaving a gap for the gate."""
        style, rng = self.style, self.rng
        gate = rng.uniform(left + 0.5, right - 2.0)
        for a, b in ((left, gate), (gate + 1.3, right)):
            if b - a < 1.0:
                continue
            if border == "fence":
                alike = np.random.default_rng([style.seed, int(1e6 + 10 * left)])  # the same fence beyond the gate
                add_fence(builder, alike, style.climate, a, b, 0.05)
            elif border == "wall":
                height = 0.7 + 0.5 * float(np.random.default_rng([style.seed, 9]).random())
                add_wall(builder, rng, style.climate, a, b, 0.0, height)
            elif border == "hedge":
                add_hedge(builder, rng, style.climate, style.season, a, b, 0.05)

    def _behind(self, builder: Builder, front: float, left: float, right: float) -> None:
        """Trees, or buildings farther back, behind an open lot."""
        style, rng = self.style, self.rng
        if rng.random() < 0.4:
            storeys = int(rng.integers(style.storeys[0], style.storeys[1] + 1))
            back = front + rng.uniform(8, 20)
            add_building(builder, rng, style.climate, style.lighting, right - left - 1.0, 10.0, storeys, back)
        for _ in range(int(rng.integers(1, 5))):
            x, z = rng.uniform(left, right), rng.uniform(1.5, front + 9)
            add_tree(builder, rng, style.climate, style.season, x, z)

    def lots(self, start: float, end: float) -> None:
        """Fill one side from s = `start` to `end` with lots."""
        while end - start > 2.0:
            width = self.rng.uniform(8.0, 18.0)
            if end - start - width < 6.0:
                width = end - start
            self.lot(start, start + width)
            start += width

    def kerb_side(self, start: float, end: float) -> None:
        """Trees, lamps, signs, posts and parked vehicles along the kerb."""
        style, rng = self.style, self.rng
        climate, lighting = style.climate, style.lighting
        near = style.half_width + (style.verge / 2 if style.verge else 0.45)
        length = end - start
        if style.tree_gap:
            for s in np.arange(np.ceil(start / style.tree_gap) * style.tree_gap, end - 0.5, style.tree_gap):
                builder = Builder()
                add_tree(builder, rng, climate, style.season, 0.0, 0.0, rng.uniform(*style.tree_size))
                self.place(builder, s, near, height=style.kerb)
        if style.verge and rng.random() < 0.3:
            builder = Builder()
            add_bush(builder, rng, climate, style.season, 0.0, 0.0)
            self.place(builder, rng.uniform(start, end), near, height=style.kerb)
        if style.lamp_both or self.side > 0:
            gap = style.lamp_gap
            post = np.random.default_rng([style.seed, 5, self.side + 1])
            state = post.bit_generator.state
            for s in np.arange(np.ceil(start / gap) * gap, end, gap):
                post.bit_generator.state = state  # all lamps of a street are alike
                builder = Builder()
                add_lamp(builder, post, climate, lighting, 0.0, 0.0, min(2.5, style.half_width * 0.4))
                self.place(builder, s, near + 0.1, height=style.kerb)
        for _ in range(int(rng.poisson(style.sign_density * length / LENGTH))):
            builder = Builder()
            away = -self.side * (1.0 if rng.random() < 0.8 else -1.0)
            add_sign(builder, rng, climate, 0.0, 0.0, away)
            n = near + (0.0 if rng.random() < 0.7 else style.sidewalk * 0.8 + style.verge / 2)
            self.place(builder, rng.uniform(start + 0.5, end - 0.5), n, height=style.kerb)
        for _ in range(int(rng.poisson(0.8 * length / LENGTH))):
            builder = Builder()
            add_bollard(builder, rng, climate, 0.0, 0.0)
            self.place(builder, rng.uniform(start, end), near - 0.1, height=style.kerb)
        self._parked(start, end)
        self._standing(start, end)

    def _parked(self, start: float, end: float) -> None:
        style, rng = self.style, self.rng
        right_of_lane = self.side * (1 if style.right_hand else -1)
        turn = 0.0 if right_of_lane > 0 else np.pi
        s = start + 1.0
        while style.parking and s < end - 6.0:
            slot = 6.3
            if rng.random() < style.parking:
                vehicle = make_vehicle(rng, style.climate, style.lighting, False)
                slot = vehicle.length + rng.uniform(0.7, 1.6)
                frame = style.frame(
                    s + vehicle.length / 2, self.side * (style.half_width - 0.25 - vehicle.width / 2), turn
                )
                self._add(vehicle.quads, vehicle.strips, frame)
            s += slot
        if rng.random() < 0.35:
            vehicle = make_two_wheeler(rng, style.climate, style.lighting, False)
            n = style.half_width + rng.uniform(0.3, 0.6)
            turn = rng.uniform(0, 2 * np.pi) if rng.random() < 0.3 else turn
            self._add(
                vehicle.quads, vehicle.strips, style.frame(rng.uniform(start, end), self.side * n, turn, style.kerb)
            )

    def _add(self, quads: Quads, strips: Strips, frame: Frame) -> None:
        self.parts.append(
            (
                Quads(frame.to_world(quads.corners), quads.paints),
                Strips(frame.to_world(strips.ends), strips.widths, strips.paints),
            )
        )

    def _standing(self, start: float, end: float) -> None:
        """People who wait or talk, alone or in pairs."""
        style, rng = self.style, self.rng
        for _ in range(int(rng.poisson(0.35 * (end - start) / style.people_gap))):
            s, n = rng.uniform(start, end), style.half_width + rng.uniform(0.4, style.verge + style.sidewalk - 0.2)
            turn = rng.uniform(0, 2 * np.pi)
            for k in range(1 + (rng.random() < 0.4)):
                person = make_person(rng, style.climate, walking=False)
                frame = style.frame(s + 0.7 * k, self.side * n, turn + np.pi * k, style.kerb)
                self.parts.append((Quads(np.zeros((0, 4, 3)), person.paints[:0]), pose(person, 0.0, frame)))


def build_block(style: StreetStyle, index: int) -> Block:
    """Build one block."""
    rng = np.random.default_rng([style.seed, 2, index + _OFFSET])
    crossing = crossing_of(style, index)
    begin, end = index * LENGTH, (index + 1) * LENGTH
    parts: list[tuple[Quads, Strips]] = []
    for side in (-1, 1):
        builder = _Side(style, rng, side)
        start = crossing[1] + 1.0 if crossing else begin
        builder.lots(start, end)
        builder.kerb_side(start + (2.0 if crossing else 0.0), end)
        if crossing:
            builder.lots(begin, crossing[0] - 1.0)
            _add_corner(builder, style, rng, crossing, side)
        parts += builder.parts
    quads = join_quads([q for q, _ in parts])
    strips = join_strips([s for _, s in parts])
    green = [bool(rng.random() < 0.15) if style.paved_yards else bool(rng.random() < 0.85) for _ in range(2)]
    return Block(quads, strips, crossing, (green[0], green[1]))


def _add_corner(
    builder: _Side, style: StreetStyle, rng: np.random.Generator, crossing: tuple[float, float], side: int
) -> None:
    """Traffic lights or signs at a crossing, and houses far down the side street."""
    n = style.half_width + 0.5
    signals = np.random.default_rng([style.seed, 6, int(crossing[0]) + _OFFSET]).random() < 0.6
    own_lane = (side > 0) == style.right_hand
    for s, facing in ((crossing[0] - 1.2, 1.0), (crossing[1] + 1.2, 1.0), (crossing[0] - 1.2, -1.0)):
        corner = Builder()
        if signals:
            hang = style.half_width * 0.55 if own_lane and facing > 0 and rng.random() < 0.5 else 0.0
            add_traffic_light(corner, rng, style.climate, 0.0, 0.0, -side * facing, hang)
        elif rng.random() < 0.6:
            add_sign(corner, rng, style.climate, 0.0, 0.0, -side * facing)
        else:
            continue
        builder.place(corner, s + 0.3 * facing, n, height=style.kerb)
    far = Builder()
    width = crossing[1] - crossing[0] + 16
    add_building(far, rng, style.climate, style.lighting, width, 8.0, style.storeys[1], 0.0)
    if rng.random() < 0.6:
        builder.place(far, (crossing[0] + crossing[1]) / 2, style.curb_to_front + rng.uniform(25, 45))
