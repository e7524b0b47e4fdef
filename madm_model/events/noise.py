# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Noise filters: events that nothing around them supports are dropped.

They follow the ideas of dv-processing's filters of the same names. Those take events only through an EventStore,
which Python fills one event at a time; here a slice of the stream is judged at once, a slice being short against the
times that matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import cv2
import numpy as np

from madm_model.events.container import Events
from madm_model.events.edge_config import EdgeConfig

_FAR_PAST = -1e18
_SLICES_PER_HALF_LIFE = 4


class NoiseFilter(Protocol):
    """Drops events; carries what it knows of the sensor from call to call."""

    def keep(self, events: Events) -> Events:
        """The supported ones among these events, none of which may be before those of the last call."""
        ...


def make_noise_filter(height: int, width: int, config: EdgeConfig) -> NoiseFilter | None:
    """The filter of `config.noise_filter`; None for none."""
    if config.noise_filter == "background_activity":
        return BackgroundActivityFilter(height, width, config.support_s)
    if config.noise_filter == "fast_decay":
        return FastDecayFilter(height, width, config.half_life_s, config.region, config.activity)
    return None


def _slices(t_us: np.ndarray, length_us: int) -> Iterator[tuple[int, int]]:
    """Bounds of the non-empty slices of at most `length_us`."""
    start = 0
    while start < len(t_us):
        stop = int(np.searchsorted(t_us, t_us[start] + length_us))
        yield start, stop
        start = stop


class BackgroundActivityFilter:
    """Keeps an event if one of its eight neighbours fired within a time of it.

    A neighbour that fires a moment later, in the same slice of that time, supports it as well: an edge's first event
    is kept.
    """

    def __init__(self, height: int, width: int, support_s: float) -> None:
        self._last = np.full((height, width), _FAR_PAST)
        self._support_us = max(int(support_s * 1e6), 1)
        self._ring = np.ones((3, 3), np.uint8)
        self._ring[1, 1] = 0

    def keep(self, events: Events) -> Events:
        """The supported events."""
        pixel = events.pixel()
        supported = np.empty(len(events), bool)
        flat = self._last.ravel()
        for start, stop in _slices(events.t_us, self._support_us):
            flat[pixel[start:stop]] = events.t_us[start:stop]
            # A border of its own value would let a pixel at the edge support itself.
            newest = cv2.dilate(
                self._last, self._ring, borderType=cv2.BORDER_CONSTANT, borderValue=(_FAR_PAST,) * 4
            ).ravel()
            supported[start:stop] = newest[pixel[start:stop]] >= events.t_us[start:stop] - self._support_us
        return events.keep(supported)


class FastDecayFilter:
    """Keeps an event if its region, a square of some pixels, was active of late; activity halves in a half-life."""

    def __init__(self, height: int, width: int, half_life_s: float, region: int, activity: float) -> None:
        self._region = region
        self._columns = -(-width // region)
        self._level = np.zeros(-(-height // region) * self._columns)
        self._half_life_us = half_life_s * 1e6
        self._activity = activity
        self._now_us: int | None = None

    def keep(self, events: Events) -> Events:
        """The supported events."""
        cell = (events.y // self._region).astype(np.intp) * self._columns + events.x // self._region
        supported = np.empty(len(events), bool)
        for start, stop in _slices(events.t_us, max(int(self._half_life_us / _SLICES_PER_HALF_LIFE), 1)):
            now_us = int(events.t_us[stop - 1])
            if self._now_us is not None:
                self._level *= 0.5 ** ((now_us - self._now_us) / self._half_life_us)
            self._now_us = now_us
            self._level += np.bincount(cell[start:stop], minlength=len(self._level))
            supported[start:stop] = self._level[cell[start:stop]] >= self._activity
        return events.keep(supported)
