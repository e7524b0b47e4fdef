# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Events -> a picture of the edges that made them: the five accumulation modes.

Each takes events in bulk, in the order of time, and draws a frame at any moment not before the last event. Nothing
loops over events: counting is `numpy.bincount`, keeping the last is indexed assignment.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from madm_model.events.container import Events
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edge_map import EdgeMap

_NEVER = -(1 << 62)


class Accumulator(Protocol):
    """Turns events into frames."""

    def add(self, events: Events) -> None:
        """Take in events; none of them before the ones already taken."""
        ...

    def frame(self, end_us: int) -> np.ndarray:
        """The picture at a sensor time not before the last event: uint8 (H, W)."""
        ...


def make_accumulator(height: int, width: int, config: EdgeConfig) -> Accumulator:
    """The accumulator of `config.mode` for a sensor."""
    if config.mode == "edge_map":
        return EdgeMap(height, width, config)
    if config.mode == "polarity":
        return DecayingPolarity(height, width, config)
    if config.mode == "time_surface":
        return TimeSurface(height, width, config)
    if config.mode == "speed_invariant":
        return SpeedInvariantSurface(height, width, config)
    return DecayingEdges(height, width, config)


class _Contrast:
    """Brightness for maps of summed events, adapted slowly so that neither bursts nor stillness make it jump.

    The reference, drawn at full scale, follows the 95th percentile of the active pixels with a time constant, never
    falls below a floor of some events, and rests while no events come: a still scene fades instead of being
    stretched to noise.
    """

    def __init__(self, config: EdgeConfig) -> None:
        self._floor = config.full_scale_events
        self._adapt_s = config.contrast_s
        self._reference: float | None = None

    def scale(self, strength: np.ndarray, has_events: bool, elapsed_s: float) -> float:
        """Grey levels per event for a map of non-negative strengths, float32 (H, W)."""
        if has_events:
            sample = strength[::2, ::2]
            active = sample[sample > 0.1]
            if active.size:
                at = int(0.95 * (active.size - 1))
                target = max(float(np.partition(active, at)[at]), self._floor)
                if self._reference is None:
                    self._reference = target
                else:
                    share = 1 - np.exp(-elapsed_s / self._adapt_s)
                    self._reference += float(share) * (target - self._reference)
        return 255.0 / (self._reference or self._floor)


class _DecayingSum:
    """Map of events, each weighing 1 when it happens and exp(-age / decay) later: exact to the microsecond."""

    def __init__(self, height: int, width: int, decay_s: float) -> None:
        self.map = np.zeros((height, width), np.float32)
        self.now_us: int | None = None
        self._rate = -1e-6 / decay_s

    def add(self, events: Events, signed: bool) -> None:
        end_us = int(events.t_us[-1])
        self.fade(end_us)
        weights = np.exp((end_us - events.t_us).astype(np.float32) * np.float32(self._rate))
        if signed:
            weights *= events.p.astype(np.float32) * 2 - 1
        fresh = np.bincount(events.pixel(), weights, minlength=self.map.size)
        self.map += fresh.reshape(self.map.shape)

    def fade(self, now_us: int) -> None:
        if self.now_us is not None and now_us > self.now_us:
            self.map *= np.float32(np.exp((now_us - self.now_us) * self._rate))
        self.now_us = now_us


class _DecayingMode:
    """What the two modes share that draw a decaying sum."""

    _signed = False

    def __init__(self, height: int, width: int, config: EdgeConfig) -> None:
        self._sum = _DecayingSum(height, width, config.decay_s)
        self._contrast = _Contrast(config)
        self._drawn_us: int | None = None
        self._has_events = False

    def add(self, events: Events) -> None:
        """Take in events, in the order of time."""
        if len(events):
            self._sum.add(events, self._signed)
            self._has_events = True

    def _scaled(self, end_us: int) -> tuple[np.ndarray, float]:
        self._sum.fade(end_us)
        strength = np.abs(self._sum.map) if self._signed else self._sum.map
        elapsed_s = 0.0 if self._drawn_us is None else (end_us - self._drawn_us) / 1e6
        scale = self._contrast.scale(strength, self._has_events, elapsed_s)
        self._drawn_us, self._has_events = end_us, False
        return self._sum.map, scale


class DecayingEdges(_DecayingMode):
    """Recurrent edge map: all that happened so far, fading exponentially; black where nothing did.

    Either polarity brightens, so that an edge looks alike whichever way it moves.
    """

    def frame(self, end_us: int) -> np.ndarray:
        """Edges at a sensor time: uint8 (H, W), 0 = still."""
        total, scale = self._scaled(end_us)
        return cv2.convertScaleAbs(total, alpha=scale)


class DecayingPolarity(_DecayingMode):
    """On events brighten and off events darken a grey picture, fading exponentially back to grey."""

    _signed = True

    def frame(self, end_us: int) -> np.ndarray:
        """Signed edges at a sensor time: uint8 (H, W), 128 = still."""
        total, scale = self._scaled(end_us)
        # convertScaleAbs takes absolute values: clip the dark side to where it stays positive.
        return cv2.convertScaleAbs(np.maximum(total * np.float32(scale / 2), -128), beta=128)


class _LastTimes:
    """Sensor time of each pixel's last event; far in the past where there was none."""

    def __init__(self, height: int, width: int) -> None:
        self._last = np.full(height * width, _NEVER, np.int64)
        self._shape = (height, width)

    def add(self, events: Events) -> None:
        """Take in events, in the order of time."""
        # With repeated indices the last assignment stays: the latest event.
        self._last[events.pixel()] = events.t_us

    def age_us(self, end_us: int) -> np.ndarray:
        """float32 (H, W): microseconds since the last event."""
        return (end_us - self._last).astype(np.float32).reshape(self._shape)


class TimeSurface(_LastTimes):
    """How recently each pixel saw its last event: 255 now, fading exponentially, 0 never."""

    def __init__(self, height: int, width: int, config: EdgeConfig) -> None:
        super().__init__(height, width)
        self._rate = np.float32(-1e-6 / config.decay_s)

    def frame(self, end_us: int) -> np.ndarray:
        """Surface at a sensor time: uint8 (H, W)."""
        return cv2.convertScaleAbs(cv2.exp(self.age_us(end_us) * self._rate), alpha=255.0)


class SpeedInvariantSurface(_LastTimes):
    """Rank of each pixel's last event among those of its neighbourhood: the same for slow and fast edges.

    Manderscheid et al. (CVPR 2019) keep such a surface up by lowering the newer neighbours at every event, which
    runs event by event. Their surface ranks, within a square, how new a pixel is; the rank is computed here in closed
    form from the times of the last events, once per frame. Only the memory, long against the motion, fades.
    """

    def __init__(self, height: int, width: int, config: EdgeConfig) -> None:
        super().__init__(height, width)
        self._radius = config.radius
        self._rate = np.float32(-1e-6 / config.memory_s)

    def frame(self, end_us: int) -> np.ndarray:
        """Surface at a sensor time: uint8 (H, W), 255 = newest of its neighbourhood."""
        age = self.age_us(end_us)
        height, width = self._shape
        radius = self._radius
        around = np.pad(age, radius, mode="edge")
        older = np.zeros(self._shape, np.uint8)
        for dy in range(2 * radius + 1):
            for dx in range(2 * radius + 1):
                older += around[dy : dy + height, dx : dx + width] > age
        share = older.astype(np.float32) / np.float32((2 * radius + 1) ** 2 - 1)
        return cv2.convertScaleAbs(cv2.multiply(share, cv2.exp(age * self._rate)), alpha=255.0)
