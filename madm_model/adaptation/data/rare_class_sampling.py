# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Rare Class Sampling: source images of rare classes are drawn more often (specification section 15).

Hoyer et al., "DAFormer", CVPR 2022.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RareClassConfig:
    """How strongly rare classes are preferred. Pixel counts are shares of the area, so that they fit any size."""

    temperature: float = 0.01
    """Temperature of the class probabilities; smaller means rarer classes first."""
    image_share: float = 3000 / (1024 * 2048)
    """An image holds a class if more than this share of its pixels does; officially 3000 pixels of 1024x2048."""
    crop_share: float = 1500 / (512 * 512)
    """A crop is kept if more than this share of its pixels is of the class; officially 1500 pixels of 512x512."""
    attempts: int = 10
    """Crops to try at most; the last one is taken as it is."""

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.attempts < 1:
            raise ValueError("temperature must be above 0 and attempts at least 1")
        if not (0 <= self.image_share < 1 and 0 <= self.crop_share < 1):
            raise ValueError("image_share and crop_share must be shares of the area, from 0 to below 1")


def class_probabilities(frequency: np.ndarray, temperature: float) -> np.ndarray:
    """P(c) = softmax((1 - frequency_c) / temperature).

    Args:
        frequency: float (C,), share of the pixels that class c has.
        temperature: above 0.

    Returns:
        float64 (C,), sums to 1.
    """
    scores = (1 - frequency) / temperature
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


class RareClassSampler:
    """Draws images by class. Classes that no image holds are never drawn."""

    def __init__(self, pixel_counts: np.ndarray, config: RareClassConfig, image_pixels: int | None = None) -> None:
        """Prepare the probabilities.

        Args:
            pixel_counts: int (N, K), pixels of every class in every image.
            config: temperature, thresholds, attempts.
            image_pixels: of an image, those without a class included, as officially; None where images differ in
                size: shares are then of the pixels that have a class.

        Raises:
            ValueError: no image holds any class.
        """
        self._config = config
        per_image = image_pixels or pixel_counts.sum(axis=1, keepdims=True).clip(min=1)
        holds = pixel_counts / per_image > config.image_share  # (N, K)
        self._classes = np.flatnonzero(holds.any(axis=0))
        if self._classes.size == 0:
            raise ValueError("no source label holds enough pixels of any class: is the source labelled?")
        frequency = pixel_counts.sum(axis=0) / max(pixel_counts.sum(), 1)
        self._probabilities = class_probabilities(frequency[self._classes], config.temperature)
        self._images_of = {int(index): np.flatnonzero(holds[:, index]) for index in self._classes}

    def draw(self, rng: np.random.Generator) -> tuple[int, int]:
        """A class by its probability, then one of its images uniformly: (class id, image index)."""
        class_id = int(rng.choice(self._classes, p=self._probabilities))
        return class_id, int(rng.choice(self._images_of[class_id]))

    def crop(
        self, class_id: int, draw_crop: Callable[[], tuple[np.ndarray, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Crop until the crop shows enough of the class.

        Args:
            class_id: the class to look for.
            draw_crop: gives a random image and label (h, w).
        """
        for _attempt in range(self._config.attempts):
            image, label = draw_crop()
            if (label == class_id).mean() > self._config.crop_share:
                break
        return image, label
