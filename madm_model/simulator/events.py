# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The event camera: pixels that report when their brightness has changed, as a street passes by.

The model is the usual one of event-camera simulators (Rebecq et al., "ESIM: an open event camera simulator", 2018):
a pixel compares the logarithm of its brightness with what it was at its last event, and reports every step of its
threshold, up or down. Between two rendered moments the logarithm is taken to change evenly. Moments are rendered
densely where much changes and sparsely where little does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from madm_model.events.container import Events
from madm_model.simulator.street import StreetSimulator

_NEVER = -(1 << 62)
_SEEDS = (1 << 63) - 1


@dataclass(frozen=True)
class EventSensorConfig:
    """The sensor, and how densely its view is rendered.

    Raises:
        ValueError: a value is out of its range.
    """

    threshold: float = 0.25
    """Change of the logarithm of brightness that makes an event, the mean of all pixels."""

    threshold_spread: float = 0.03
    """Standard deviation of the threshold from pixel to pixel; it is the same for on and off."""

    refractory_s: float = 0.001
    """Seconds after an event in which the pixel is blind."""

    noise_hz: float = 0.2
    """Events a second that a pixel reports for no reason."""

    dark_level: float = 10.0
    """Grey levels, of 255, added before the logarithm: darkness holds no events, as in a real pixel's dark current."""

    step_s: float = 0.02
    """The longest time between two rendered moments, seconds."""

    halvings: int = 2
    """How often the time between two moments is halved where much changes; each doubles the cost."""

    busy_share: float = 0.02
    """Much changes where this share of the pixels moves by more than two thresholds from moment to moment."""

    def __post_init__(self) -> None:
        if not 0.01 <= self.threshold <= 10:
            raise ValueError(f"threshold is {self.threshold}: it has to be from 0.01 to 10")
        for name in ("threshold_spread", "refractory_s", "noise_hz", "busy_share"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it has to be 0 or above")
        if not (self.dark_level > 0 and self.step_s >= 1e-4 and 0 <= self.halvings <= 6):
            raise ValueError("dark_level must be above 0, step_s at least 0.0001 and halvings from 0 to 6")


class EventSensor:
    """The pixels, from one moment to the next.

    Args:
        seed: of the thresholds and the noise.
        height: rows in pixels.
        width: columns in pixels.
        config: of the sensor.
    """

    def __init__(self, seed: int, height: int, width: int, config: EventSensorConfig) -> None:
        self.config = config
        self._seed, self._height, self._width = seed, height, width
        spread = np.random.default_rng([seed, 40]).normal(0, config.threshold_spread, height * width)
        self._threshold = np.maximum(config.threshold + spread, 0.2 * config.threshold).astype(np.float32)
        self._reference: np.ndarray | None = None
        self._before: np.ndarray | None = None
        self._before_us = 0
        self._last_us = np.full(height * width, _NEVER, np.int64)

    def brightness(self, rgb: np.ndarray) -> np.ndarray:
        """Logarithm of the brightness of an image, uint8 (H, W, 3): float32 (H * W,)."""
        grey = rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
        # The optics: what is smaller than a pixel does not flicker.
        grey = cv2.GaussianBlur(grey, (0, 0), 0.6)
        return np.log(grey.reshape(-1) + np.float32(self.config.dark_level))

    def see(self, brightness: np.ndarray, time_us: int) -> Events:
        """The events since the moment seen before; none at the first one.

        Args:
            brightness: as `brightness` gives it.
            time_us: of this moment, after the one before.
        """
        if self._reference is None or self._before is None:
            self._reference, self._before, self._before_us = brightness.copy(), brightness, time_us
            return self._events(*(np.empty(0, np.int64) for _ in range(3)))
        change = brightness - self._reference
        steps = np.floor(np.abs(change) / self._threshold).astype(np.int64)
        pixels = np.flatnonzero(steps)
        times, where, signs = self._crossings(pixels, steps[pixels], np.sign(change[pixels]), brightness, time_us)
        noise_times, noise_where, noise_signs = self._noise(time_us)
        self._before, self._before_us = brightness, time_us
        return self._events(
            np.concatenate([times, noise_times]),
            np.concatenate([where, noise_where]),
            np.concatenate([signs, noise_signs]),
        )

    def _crossings(
        self, pixels: np.ndarray, steps: np.ndarray, sign: np.ndarray, brightness: np.ndarray, time_us: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Times, pixels and signs (1 or 0) of the thresholds crossed; those within the refractory time are lost."""
        assert self._reference is not None and self._before is not None
        threshold, start = self._threshold[pixels], self._before[pixels]
        # The k-th crossing, k from 1 on, is at first + (k - 1) * pause microseconds after the moment before.
        slope = (brightness[pixels] - start) / (time_us - self._before_us)
        slope = np.where(slope * sign > 0, slope, sign * np.float32(1e-12))
        first = np.clip((self._reference[pixels] + sign * threshold - start) / slope, 0, time_us - self._before_us)
        pause = np.minimum(threshold / np.abs(slope), time_us - self._before_us).astype(np.float64)
        refractory_us = self.config.refractory_s * 1e6
        blind_us = np.maximum(self._last_us[pixels] + refractory_us - self._before_us, 0)
        skipped = np.ceil(np.maximum(blind_us - first, 0) / np.maximum(pause, 1e-3)).astype(np.int64)
        stride = np.maximum(np.ceil(refractory_us / np.maximum(pause, 1e-3)), 1).astype(np.int64)
        kept = np.where(steps > skipped, (steps - skipped - 1) // stride + 1, 0)
        self._reference[pixels] += sign * threshold * steps
        index = np.repeat(np.arange(len(pixels)), kept)
        turn = np.arange(len(index)) - np.repeat(np.cumsum(kept) - kept, kept)
        after_us = first[index] + (skipped[index] + turn * stride[index]) * pause[index]
        times = self._before_us + np.minimum(after_us, time_us - self._before_us).astype(np.int64)
        where = pixels[index]
        np.maximum.at(self._last_us, where, times)
        return times, where, (sign[index] > 0).astype(np.int64)

    def _noise(self, time_us: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Times before the drive's start are negative, seeds must not be.
        rng = np.random.default_rng([self._seed, 41, time_us & _SEEDS])
        span_us, pixels = time_us - self._before_us, self._height * self._width
        count = int(rng.poisson(self.config.noise_hz * span_us * 1e-6 * pixels))
        times = self._before_us + rng.integers(0, span_us, count)
        return times, rng.integers(0, pixels, count), rng.integers(0, 2, count)

    def _events(self, times: np.ndarray, where: np.ndarray, signs: np.ndarray) -> Events:
        # Within a microsecond row by row, as sensors read them out.
        order = np.lexsort((where, times))
        y, x = np.divmod(where[order], self._width)
        return Events(
            times[order],
            x.astype(np.uint16),
            y.astype(np.uint16),
            signs[order].astype(np.uint8),
            self._width,
            self._height,
        )


def street_events(
    simulator: StreetSimulator, start_s: float, end_s: float, config: EventSensorConfig | None = None
) -> Iterator[Events]:
    """What an event camera reports that looks along the other sensors' line of sight.

    Args:
        simulator: its seed and configuration count; the noise of its colour camera does not.
        start_s: seconds of the drive at which the sensor is switched on; below 0 it sees what led to the first frame.
        end_s: seconds of the drive at which the events stop.
        config: the sensor.

    Yields:
        a chunk from each rendered moment to the next, times in microseconds since the drive's start.
    """
    config = config or EventSensorConfig()
    clean = StreetSimulator(simulator.seed, replace(simulator.config, sensor_noise=False))
    sensor = EventSensor(simulator.seed, clean.config.height, clean.config.width, config)

    def look(time_us: int) -> np.ndarray:
        return sensor.brightness(clean.frame(time_us * 1e-6).rgb)

    def between(start_us: int, before: np.ndarray, end_us: int, after: np.ndarray, halvings: int) -> Iterator[Events]:
        busy = np.mean(np.abs(after - before) > 2 * config.threshold) > config.busy_share
        middle_us = (start_us + end_us) // 2
        if busy and halvings and start_us < middle_us:
            middle = look(middle_us)
            yield from between(start_us, before, middle_us, middle, halvings - 1)
            yield from between(middle_us, middle, end_us, after, halvings - 1)
        else:
            yield sensor.see(after, end_us)

    now_us, stop_us = round(start_s * 1e6), round(end_s * 1e6)
    before = look(now_us)
    sensor.see(before, now_us)
    while now_us < stop_us:
        next_us = min(now_us + round(config.step_s * 1e6), stop_us)
        after = look(next_us)
        yield from between(now_us, before, next_us, after, config.halvings)
        now_us, before = next_us, after
