# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Watches a stream of frames: how far its last minute is from what the model knows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from madm_model.shift.frame_statistics import PARTS, frame_statistics, mean_confidence
from madm_model.shift.reference import ShiftReference

_SAMPLES = 30
"""Frames of a window that are looked at, evenly spaced: it costs next to nothing then."""
_ENOUGH = 10
"""Fewer say nothing."""


@dataclass(frozen=True)
class Shift:
    """How far the frames of the window are."""

    parts: Mapping[str, float]
    """By part; 1 is as far as the least usual of the frames that the model knows."""
    confidence: float
    """Mean confidence in the window, 0 to 1."""
    known_confidence: float
    """Mean confidence in the frames that the model knows."""

    @property
    def value(self) -> float:
        """The largest of the parts: above 1 the input is unlike what the model knows."""
        return max(self.parts.values())

    @property
    def part(self) -> str:
        """Which one that is."""
        return max(self.parts, key=lambda name: self.parts[name])


class ShiftMonitor:
    """Means of the statistics over a window of time, against a reference. May be used from several threads.

    Args:
        window_s: seconds; the attribute may change at any time.
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._reference: ShiftReference | None = None
        self._samples: deque[tuple[float, Mapping[str, np.ndarray]]] = deque()
        self._due = float("-inf")

    @property
    def reference(self) -> ShiftReference | None:
        """What the model knows; None where that is not known, and nothing is looked at."""
        return self._reference

    @reference.setter
    def reference(self, reference: ShiftReference | None) -> None:
        with self._lock:  # another model: what was seen of the one before says nothing
            self._reference = reference
            self._samples.clear()
            self._due = float("-inf")

    def look(self, image: np.ndarray, labels: np.ndarray, confidence: np.ndarray) -> None:
        """Take in a frame, if one is due; arguments as of `frame_statistics`."""
        reference, now = self._reference, self._clock()
        if reference is None or now < self._due:
            return
        statistics = frame_statistics(image, labels, confidence, reference.num_classes)
        with self._lock:
            if reference is not self._reference:
                return
            self._due = now + self.window_s / _SAMPLES
            self._samples.append((now, statistics))

    def shift(self) -> Shift | None:
        """How far the window is; None without a reference, and before enough of a window has been seen."""
        with self._lock:
            now = self._clock()
            while self._samples and now - self._samples[0][0] >= self.window_s:
                self._samples.popleft()
            reference, samples = self._reference, [statistics for _, statistics in self._samples]
        if reference is None or len(samples) < _ENOUGH:
            return None
        means = {part: np.mean([one[part] for one in samples], axis=0) for part in PARTS}
        parts = {part: reference.parts[part].distance(means[part]) for part in PARTS}
        return Shift(parts, mean_confidence(means["confidence"]), reference.confidence)
