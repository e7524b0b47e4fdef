# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""People right before the camera, as where a robot waits at a crossing or moves among people.

Everybody else has left the road before the camera comes, so that nobody fills more than a few percent of a picture.
These keep before the camera wherever it goes: who walks crosses its way again and again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from madm_model.simulator.persons import Person, make_person, pose
from madm_model.simulator.street_style import StreetStyle
from madm_model.simulator.surfaces import Strips

_NEAREST, _FARTHEST = 1.6, 9.0
"""Metres before the camera."""
_ASIDE = 0.75
"""How far to the side a person may be, in distances from the camera: about where the picture ends."""


@dataclass(frozen=True)
class _Close:
    """One of them: metres before the camera; where across the picture at time 0, -1 to 1; the way it faces,
    radians; its speed to the side, m/s."""

    person: Person
    ahead: float
    aside: float
    turn: float
    speed: float


class ClosePeople:
    """Up to five people before the camera of one street."""

    def __init__(self, style: StreetStyle) -> None:
        self._style = style
        rng = np.random.default_rng([style.seed, 21])
        self._people = [self._make(rng) for _ in range(int(rng.integers(1, 6)))]

    def _make(self, rng: np.random.Generator) -> _Close:
        walking = bool(rng.random() < 0.6)
        ahead = float(np.exp(rng.uniform(np.log(_NEAREST), np.log(_FARTHEST))))  # near ones as often as far ones
        direction = float(rng.choice([-1, 1]))
        turn = direction * np.pi / 2 if walking else float(rng.uniform(-np.pi, np.pi))
        speed = direction * float(rng.uniform(0.6, 1.6)) if walking else 0.0
        person = make_person(rng, self._style.climate, walking=walking)
        return _Close(person, ahead, float(rng.uniform(-1, 1)), turn, speed)

    def at(self, time_s: float, s: float, n: float) -> Iterator[Strips]:
        """All of them at a moment, in world coordinates; the camera is at s and n of the street."""
        for close in self._people:
            reach = _ASIDE * close.ahead + 0.4
            aside = (close.aside * reach + close.speed * time_s + reach) % (2 * reach) - reach
            frame = self._style.frame(s + close.ahead, n + aside, close.turn, 0.0)
            yield pose(close.person, time_s, frame)
