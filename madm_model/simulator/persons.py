# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""People: strips between joints that move smoothly with the phase of the step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from madm_model.simulator.buildings import hsv, shade
from madm_model.simulator.lighting import Climate
from madm_model.simulator.patterns import CUTOUT, PATTERN
from madm_model.simulator.surfaces import Colour, Frame, Paint, Strips, as_table, paint


@dataclass(frozen=True)
class Person:
    """How one person looks and moves.

    Attributes:
        height: metres.
        build: factor on the widths of the limbs.
        paints: float32 (limbs, fields of `Paint`), in the order that `pose` gives the limbs.
        stride: half the angle the legs open to, radians; 0 stands still.
        pace: steps of one leg per second.
        phase: radians at time 0.
        skirt: the lower garment is one strip to the knees.
    """

    height: float
    build: float
    paints: np.ndarray
    stride: float
    pace: float
    phase: float
    skirt: float


_WIDTHS = np.array(
    # torso, neck, head, left and right thigh, shin, foot, upper arm, lower arm, skirt or coat
    [(0.19, 0.25), (0.07, 0.07), (0.125, 0.125)]
    + [(0.08, 0.105)] * 2 + [(0.055, 0.075)] * 2 + [(0.06, 0.05)] * 2 + [(0.06, 0.07)] * 2 + [(0.05, 0.055)] * 2
    + [(0.24, 0.19)]
)  # fmt: skip


def make_person(rng: np.random.Generator, climate: Climate, *, walking: bool = True) -> Person:
    """A random person."""
    child = rng.random() < 0.12
    height = rng.uniform(1.05, 1.4) if child else rng.uniform(1.55, 1.92)
    skin = shade((0.85, 0.64, 0.52), rng.choice([1.0, 0.85, 0.55, 0.35]))
    hair = hsv(rng.uniform(0.04, 0.12), rng.uniform(0.1, 0.7), rng.choice([0.06, 0.2, 0.5, 0.75]))
    bright = rng.random()
    top = hsv(rng.random(), rng.uniform(0.05, 0.9), rng.uniform(0.1, 0.9) if bright < 0.6 else rng.uniform(0.05, 0.25))
    legs = hsv(rng.uniform(0.5, 0.7), rng.uniform(0.05, 0.6), rng.uniform(0.06, 0.5))
    if rng.random() < 0.2:
        legs = hsv(rng.random(), rng.uniform(0.1, 0.7), rng.uniform(0.2, 0.8))
    # Clothes lie between air and skin; the colder the air, the thicker they are.
    cloth = climate.air + (33.0 - climate.air) * rng.uniform(0.35, 0.6) + rng.normal(0, 0.5)
    bare = min(34.0, 30.5 + 0.12 * climate.air)
    short_sleeves = climate.air > 16 and rng.random() < 0.7
    shorts = climate.air > 20 and rng.random() < 0.4

    def cover(colour: Colour, warm: float, cutout: int = -1) -> Paint:
        return paint(
            "person", shade(colour, 0.8), warm, colour2=shade(colour, 1.15), temperature2=warm + 0.8,
            pattern=PATTERN["plain"], repeat=(-0.6, -0.6) if cutout < 0 else (-1.0, -1.0), cutout=cutout, heating=2.0,
        )  # fmt: skip

    torso = cover(top, cloth + 1.0, CUTOUT["body"])
    neck = cover(skin, bare)
    head = paint(
        "person", skin, bare + 1.0, colour2=hair, temperature2=bare - 4.0, pattern=PATTERN["head"], repeat=(-1.0, -1.0),
        cutout=CUTOUT["disc"], heating=1.0,
    )  # fmt: skip
    thigh = cover(legs, cloth + 0.5)
    shin = cover(skin if shorts else legs, bare - 2.0 if shorts else cloth - 1.0)
    foot = cover(hsv(0.08, 0.3, rng.choice([0.05, 0.2, 0.7])), climate.air + 2.0)
    upper = cover(top, cloth)
    lower = cover(skin if short_sleeves else top, bare - 1.0 if short_sleeves else cloth)
    skirt = rng.random() < 0.18
    garment = thigh if skirt else torso._replace(cutout=-1.0)
    limbs = [torso, neck, head, thigh, thigh, shin, shin, foot, foot, upper, upper, lower, lower, garment]
    speed = rng.uniform(0.75, 1.0)
    return Person(
        height=float(height), build=float(rng.uniform(0.9, 1.25)), paints=as_table(limbs),
        stride=float(rng.uniform(0.35, 0.5)) if walking else 0.0, pace=float(speed), phase=float(rng.uniform(0, 6.28)),
        skirt=0.3 if skirt else 0.1 * float(rng.random() < 0.5),
    )  # fmt: skip


def _leg(side: float, angle: np.ndarray, bend: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Hip, knee, ankle and toe of a leg for a person of height 1, each (3,): x right, y up, z forward."""
    hip = np.array([side * 0.05, 0.52, 0.0])
    knee = hip + 0.25 * np.array([0.0, -np.cos(angle), np.sin(angle)])
    ankle = knee + 0.235 * np.array([0.0, -np.cos(angle - bend), np.sin(angle - bend)])
    return hip, knee, ankle, ankle + np.array([side * 0.01, -0.02, 0.085])


def pose(person: Person, time_s: float, frame: Frame, *, riding: bool = False) -> Strips:
    """The person at a moment, feet on the frame's ground, facing its z axis.

    Args:
        riding: sits on a two-wheeler instead of walking, the pedals turning with the pace.
    """
    turn = person.phase + 2 * np.pi * person.pace * time_s
    swing = person.stride * np.sin(turn)
    lift = person.stride * 1.1
    if riding:
        angles = (1.0 + 0.3 * np.sin(turn), 1.0 - 0.3 * np.sin(turn))
        bends = (1.15 + 0.2 * np.sin(turn), 1.15 - 0.2 * np.sin(turn))
    else:
        angles = (swing, -swing)
        bends = (0.08 + lift * max(0.0, np.cos(turn)) ** 2, 0.08 + lift * max(0.0, -np.cos(turn)) ** 2)
    left, right = (_leg(side, a, b) for side, a, b in zip((-1.0, 1.0), angles, bends))
    lean = 0.12 if riding else 0.015
    hips, neck = np.array([0.0, 0.49, 0.0]), np.array([0.0, 0.825, lean])
    arms = []
    for side, forward in ((-1.0, -swing), (1.0, swing)):
        shoulder = np.array([side * 0.125, 0.8, lean * 0.9])
        reach = 0.9 if riding else 0.8 * forward
        elbow = shoulder + 0.17 * np.array([side * 0.15, -np.cos(reach), np.sin(reach)])
        hand = elbow + 0.18 * np.array([0.0, -np.cos(reach + 0.3), np.sin(reach + 0.3)])
        arms.append((shoulder, elbow, hand))
    crown = np.array([0.0, 0.14, 0.0])
    base = neck + np.array([0.0, 0.03, 0.01])
    drop = np.array([0.0, person.skirt if not riding else 0.02, 0.0])
    ends = np.array([
        (hips, neck), (neck - 0.02, base + 0.2 * crown), (base, base + crown),
        (left[1], left[0]), (right[1], right[0]), (left[2], left[1]), (right[2], right[1]),
        (left[3], left[2]), (right[3], right[2]), (arms[0][1], arms[0][0]), (arms[1][1], arms[1][0]),
        (arms[0][2], arms[0][1]), (arms[1][2], arms[1][1]), (hips + 0.2 * crown - drop, hips + 0.2 * crown),
    ])  # fmt: skip
    # The supporting leg carries: the body sinks as the legs open.
    ends[..., 1] -= min(left[2][1], right[2][1]) - 0.03 if not riding else -0.22
    widths = _WIDTHS * (person.height * person.build)
    widths[2] = 0.125 * person.height
    return Strips(frame.to_world(ends * person.height), widths, person.paints)
