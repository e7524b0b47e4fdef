# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Random appearance: what a labelled colour image could look like to a sensor that sees something else.

The paper's backbone has seen all kinds of pictures before MADM trains it; a network that has seen simulated colour
alone takes a hot road for a sky. Images whose tones are drawn anew, or of which only edges are left, keep the labels
and take away everything but shape and place. No image of another sensor is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class AppearanceConfig:
    """How often an image keeps its colours, gets other tones or is reduced to its edges."""

    colour: float = 0.3
    """Probability of the image as it is."""
    tones: float = 0.5
    """Probability of `random_tones`; what remains of 1 is the probability of `random_edges`."""

    def __post_init__(self) -> None:
        if min(self.colour, self.tones) < 0 or self.colour + self.tones > 1:
            raise ValueError("colour and tones are probabilities: not negative, and together at most 1")


def random_appearance(rng: np.random.Generator, image: np.ndarray, config: AppearanceConfig) -> np.ndarray:
    """An image with another appearance and the same content.

    Args:
        rng: decides everything.
        image: uint8 (H, W, 3), RGB.
        config: probabilities.

    Returns:
        uint8 (H, W, 3); three equal channels unless the image keeps its colours.
    """
    choice = rng.random()
    if choice < config.colour:
        return image
    grey = random_tones(rng, image) if choice < config.colour + config.tones else random_edges(rng, image)
    return np.repeat(np.round(255 * np.clip(grey, 0, 1)).astype(np.uint8)[..., None], 3, axis=2)


def with_random_appearance(
    rng: np.random.Generator, crops: Sequence[tuple[np.ndarray, np.ndarray]], config: AppearanceConfig | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Labelled crops, each image in an appearance of its own; None leaves them as they are and draws nothing.

    Args:
        rng: decides everything.
        crops: uint8 (h, w, 3) and uint8 (h, w) each; the labels are passed on.
        config: probabilities.
    """
    if config is None:
        return list(crops)
    return [(random_appearance(rng, image, config), labels) for image, labels in crops]


def random_tones(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Grey tones that say as little about the colours as a temperature or a distance does.

    A random mix of the channels goes through a random curve, which may fall or bend back, under a random slow change
    of brightness; half of the images lose their fine texture, half their sharpness.

    Args:
        rng: decides everything.
        image: uint8 (H, W, 3).

    Returns:
        float32 (H, W), around 0 to 1.
    """
    grey = _channel_mix(rng, image)
    if rng.random() < 0.5:
        grey = cv2.medianBlur(np.round(255 * grey).astype(np.uint8), int(rng.choice([3, 5]))).astype(np.float32) / 255
    inner = rng.integers(4)
    inputs, outputs = np.r_[0, np.sort(rng.random(inner)), 1], rng.random(inner + 2)
    if rng.random() < 0.6:
        outputs = np.sort(outputs)[:: rng.choice([-1, 1])]
    grey = _stretch(np.interp(grey, inputs, outputs).astype(np.float32))
    if rng.random() < 0.5:
        grey = _stretch(grey + np.float32(rng.uniform(0.2, 1.5)) * slow_change(rng, grey.shape))
    grey = np.float32(rng.uniform(0, 0.3)) + grey * np.float32(rng.uniform(0.5, 1))
    if rng.random() < 0.5:
        grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.3, 1.2))
    return grey + np.float32(rng.uniform(0, 0.03)) * rng.normal(size=grey.shape).astype(np.float32)


def random_edges(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Edges on black, all of them or those across a random motion, thinned and with noise, as events draw them.

    Args:
        rng: decides everything.
        image: uint8 (H, W, 3).

    Returns:
        float32 (H, W), 0 to above 1.
    """
    grey = cv2.GaussianBlur(_channel_mix(rng, image), (0, 0), rng.uniform(0.4, 1.2))
    right, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    motion = rng.uniform(0, 2 * np.pi)
    slope = np.hypot(right, down) if rng.random() < 0.5 else np.abs(np.cos(motion) * right + np.sin(motion) * down)
    edges = np.clip((slope - rng.uniform(0.02, 0.2)) * rng.uniform(1, 6), 0, 1)
    edges = edges * (rng.random(edges.shape) < rng.uniform(0.6, 1))
    noise = rng.random(edges.shape) * (rng.random(edges.shape) < rng.uniform(0, 0.01))
    return (edges + noise).astype(np.float32)


def _channel_mix(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """A random sum or difference of the channels, its 1st to 99th percentile stretched to 0 to 1: float32 (H, W)."""
    weights = rng.normal(size=3)
    if rng.random() < 0.5:
        weights = np.abs(weights)
    grey = image.astype(np.float32) @ weights.astype(np.float32)
    low, high = np.percentile(grey, [1, 99])
    return np.clip((grey - low) / max(high - low, 1e-3), 0, 1).astype(np.float32)


def slow_change(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """A smooth field with a slope from top to bottom, one unit from its lowest to its highest value: float32 (H, W)."""
    coarse = rng.normal(size=(3, 3)).astype(np.float32)
    field = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    field += np.float32(rng.normal()) * np.linspace(-1, 1, shape[0], dtype=np.float32)[:, None]
    return field / max(float(np.ptp(field)), 1e-3)


def _stretch(grey: np.ndarray) -> np.ndarray:
    """Smallest value to 0, largest to 1; flat images stay flat."""
    return (grey - grey.min()) / max(float(np.ptp(grey)), 1e-3)
