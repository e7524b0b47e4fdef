# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Everything that moves besides the camera: vehicles, riders and walkers, each a function of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from madm_model.simulator.persons import Person, make_person, pose
from madm_model.simulator.street_style import StreetStyle
from madm_model.simulator.surfaces import Frame, Quads, Strips
from madm_model.simulator.two_wheelers import make_two_wheeler
from madm_model.simulator.vehicles import Vehicle, make_vehicle

_OFFSET = 1 << 20


class Stream:
    """Things that follow one another along a line n = const at one speed, without end.

    Place k of the stream is at s = k * gap + jitter(k) + speed * t.
    """

    def __init__(self, style: StreetStyle, number: int, n: float, speed: float, gap: float) -> None:
        self.style, self.number, self.n, self.speed, self.gap = style, number, n, speed, gap

    def generator(self, place: int) -> np.random.Generator:
        """The random numbers of one place; the first is its jitter."""
        return np.random.default_rng([self.style.seed, 7, self.number, place + _OFFSET])

    def places(self, time_s: float, low: float, high: float) -> Iterator[tuple[int, float]]:
        """Places between s = `low` and `high` at a time, and their s."""
        moved = self.speed * time_s
        for place in range(int(np.floor((low - moved) / self.gap)) - 1, int(np.ceil((high - moved) / self.gap)) + 1):
            s = (place + 0.5 * float(self.generator(place).random())) * self.gap + moved
            if low < s < high:
                yield place, s


class Traffic:
    """The moving things of one street.

    Args:
        ego_lane: n of the camera's lane; ego_speed: its mean speed, metres per second.
    """

    def __init__(self, style: StreetStyle, ego_lane: float, ego_speed: float) -> None:
        self.style = style
        rng = np.random.default_rng([style.seed, 8])
        right = 1 if style.right_hand else -1
        lane = (style.half_width - (2.2 if style.parking else 0.3)) / style.lanes
        self._vehicles: list[Stream] = []
        for k in range(style.lanes):
            n = right * lane * (k + 0.5)
            self._vehicles.append(Stream(style, len(self._vehicles), -n, -float(rng.uniform(6, 13)), style.traffic_gap))
            if abs(n - ego_lane) > 1.0:
                self._vehicles.append(
                    Stream(
                        style, len(self._vehicles), n, ego_speed * float(rng.uniform(0.7, 1.3)), style.traffic_gap * 1.3
                    )
                )
        # Vehicles in the camera's lane keep its mean speed, so nobody is run into.
        self._lead = Stream(style, 50, ego_lane, ego_speed, max(2.0 * style.traffic_gap, 30.0))
        side = style.half_width - 0.55 - (2.0 if style.parking else 0.0)
        self._riders = [
            Stream(style, 20 + k, direction * right * side, direction * speed, float(np.exp(rng.uniform(3.2, 4.8))))
            for k, (direction, speed) in enumerate([(-1, rng.uniform(3.5, 6.0)), (1, ego_speed + rng.uniform(-2, 1.5))])
        ]
        self._walkers = []
        for k in range(8):
            place = style.half_width + style.verge + style.sidewalk * (0.12 + 0.78 * (k // 2) / 3)
            sign = -1 if k % 2 else 1
            n = place * (1 if rng.random() < 0.5 else -1)
            self._walkers.append(
                Stream(style, 30 + k, n, sign * float(rng.uniform(0.9, 1.6)), style.people_gap * rng.uniform(1.5, 3.0))
            )
        # Vehicles and people are kept by place, so that a frame builds only those that newly come into sight.
        self._vehicle = lru_cache(256)(self._make_vehicle)
        self._rider = lru_cache(64)(self._make_rider)
        self._walker = lru_cache(512)(self._make_walker)
        self._crosser = lru_cache(64)(self._make_crosser)
        self._ego_speed = ego_speed

    def _make_vehicle(self, number: int, place: int) -> Vehicle:
        rng = np.random.default_rng([self.style.seed, 9, number, place + _OFFSET])
        return make_vehicle(rng, self.style.climate, self.style.lighting, True)

    def _make_rider(self, number: int, place: int) -> tuple[Vehicle, Person]:
        rng = np.random.default_rng([self.style.seed, 10, number, place + _OFFSET])
        vehicle = make_two_wheeler(rng, self.style.climate, self.style.lighting, True)
        return vehicle, make_person(rng, self.style.climate)

    def _make_walker(self, number: int, place: int) -> tuple[Person, float, bool]:
        rng = np.random.default_rng([self.style.seed, 11, number, place + _OFFSET])
        return make_person(rng, self.style.climate), float(rng.normal(0, 0.25)), bool(rng.random() < 0.75)

    def _make_crosser(self, place: int) -> tuple[Person, bool, float, float, float]:
        rng = np.random.default_rng([self.style.seed, 12, place + _OFFSET])
        person = make_person(rng, self.style.climate)
        return (
            person,
            bool(rng.random() < 0.7),
            float(rng.uniform(0, 14)),
            float(rng.choice([-1, 1])),
            float(rng.uniform(1.2, 3.5)),
        )

    def at(self, time_s: float, low: float, high: float) -> tuple[list[Quads], list[Strips]]:
        """Everything that moves between s = `low` and `high` at a time, in world coordinates."""
        style = self.style
        quads: list[Quads] = []
        strips: list[Strips] = []

        def add(vehicle: Vehicle, frame: Frame) -> None:
            quads.append(Quads(frame.to_world(vehicle.quads.corners), vehicle.quads.paints))
            if len(vehicle.strips.ends):
                ends = frame.to_world(vehicle.strips.ends)
                strips.append(Strips(ends, vehicle.strips.widths, vehicle.strips.paints))

        for stream in self._vehicles:
            for place, s in stream.places(time_s, low, high):
                add(self._vehicle(stream.number, place), style.frame(s, stream.n, 0.0 if stream.speed > 0 else np.pi))
        for place, s in self._lead.places(time_s, low, high):
            # Never beside or right in front of the camera, which starts at s = 0 and keeps the stream's speed.
            if abs(s - self._ego_speed * time_s) > 14.0:
                add(self._vehicle(self._lead.number, place), style.frame(s, self._lead.n))
        for stream in self._riders:
            for place, s in stream.places(time_s, low, high):
                vehicle, person = self._rider(stream.number, place)
                frame = style.frame(s, stream.n, 0.0 if stream.speed > 0 else np.pi)
                add(vehicle, frame)
                seat = frame._replace(origin=frame.to_world(np.array([0.0, 0.0, -0.25])))
                strips.append(pose(person, time_s, seat, riding=True))
        for stream in self._walkers:
            for place, s in stream.places(time_s, low, high):
                person, aside, present = self._walker(stream.number, place)
                if present:
                    frame = style.frame(s, stream.n + aside, 0.0 if stream.speed > 0 else np.pi, style.kerb)
                    strips.append(pose(person, time_s, frame))
        strips += self._crossing_people(time_s, low, high)
        return quads, strips

    def _crossing_people(self, time_s: float, low: float, high: float) -> Iterator[Strips]:
        """People who cross the road ahead of the camera and have left it before the camera comes."""
        style = self.style
        gap = max(18.0, 2.0 * style.people_gap)
        for place in range(int(np.floor(low / gap)), int(np.ceil(high / gap)) + 1):
            person, present, jitter, direction, margin = self._crosser(place)
            if not present:
                continue
            s = place * gap + jitter
            walk = 1.4
            reach = style.half_width + 0.5 * style.sidewalk + style.verge
            arrival = s / self._ego_speed - margin - (style.half_width - reach) / walk
            n = np.clip((time_s - arrival) * walk + reach, -reach, reach)
            person = replace(person, stride=person.stride * float(np.clip((reach - abs(n)) / 0.4, 0.0, 1.0)))
            turn = np.pi / 2 if direction > 0 else -np.pi / 2
            height = style.kerb * float(np.clip((abs(n) - style.half_width) / 0.3 + 0.5, 0.0, 1.0))
            yield pose(person, time_s, style.frame(s, direction * n, turn, height))
