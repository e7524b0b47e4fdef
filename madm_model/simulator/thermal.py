# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The thermal camera: from surface temperatures to counts.

Counts are 100 times the temperature in kelvin (29315 is 20 degrees Celsius), as uncooled radiometric cameras give them.
"""

from __future__ import annotations

import cv2
import numpy as np

from madm_model.simulator.noise import noise_field

COUNTS_PER_KELVIN = 100.0
ZERO_CELSIUS = 273.15


class ThermalSensor:
    """An uncooled microbolometer: optical blur, fixed pattern, slow drift and temporal noise.

    Args:
        seed: of the unit's fixed pattern.
        size: height and width in pixels.
        noisy: False leaves the blur only.
    """

    def __init__(self, seed: int, size: tuple[int, int], noisy: bool) -> None:
        rng = np.random.default_rng([seed, 14])
        height, width = size
        self.seed, self.noisy = seed, noisy
        self._netd = float(rng.uniform(0.05, 0.15))  # kelvin, standard deviation
        columns = rng.standard_normal((1, width)) * rng.uniform(0.02, 0.1)
        pixels = rng.standard_normal((height, width)) * rng.uniform(0.02, 0.06)
        # A warm housing brightens the corners of the image.
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        shading = rng.uniform(-0.2, 0.6) * (x**2 + y**2)
        self._pattern = (columns + pixels + shading).astype(np.float32)
        self._drift = float(rng.uniform(0.05, 0.3))
        self._period = float(rng.uniform(40, 120))
        self._blur = float(rng.uniform(0.5, 0.9)) * max(1.0, width / 320)

    def counts(self, temperature: np.ndarray, time_s: float) -> np.ndarray:
        """Counts of a scene.

        Args:
            temperature: degrees Celsius, float32 (H, W).

        Returns:
            uint16 (H, W), 100 x kelvin.
        """
        signal = cv2.GaussianBlur(temperature, (0, 0), self._blur)
        if self.noisy:
            signal = signal + self._pattern
            signal += noise_field(signal.shape, (self.seed, 15, time_s)) * self._netd
            signal += self._drift * np.sin(2 * np.pi * time_s / self._period)
        counts = np.rint((signal + ZERO_CELSIUS) * COUNTS_PER_KELVIN)
        return np.clip(counts, 0, 65535).astype(np.uint16)
