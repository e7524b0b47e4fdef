# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Random sensors: what a simulated thermal, depth or edge frame could look like from another camera of its kind.

The simulator's cameras are all alike; real ones differ in gain, polarity, sharpness, noise and resolution, and real
streets in what is warm and in how rough surfaces are. As in `appearance`, labels keep their place.
"""

from __future__ import annotations

import cv2
import numpy as np

from madm_model.labels import STREET_11
from madm_model.training.appearance import slow_change


def _where(*names: str) -> np.ndarray:
    """1 for the ids of these classes and 0 for all others, float32 (256,)."""
    return np.isin(np.arange(256), [STREET_11.names.index(name) for name in names]).astype(np.float32)


_KEEPS_WARMTH = np.isin(STREET_11.names, ("sky", "person"))
"""Classes whose warmth is not drawn anew: persons are warmer than most of a street, and the sky is colder."""

_ROUGHNESS = np.ones(256, np.float32)
"""Share of a colour's texture that a class shows a thermal camera: what is metal, or warm from inside, is smooth."""
_ROUGHNESS[[STREET_11.names.index(name) for name in ("sky", "vehicle", "person")]] = (0.2, 0.3, 0.5)

_FOLIAGE = _where("vegetation")
"""Where leaves warm and cold lie side by side."""

_CLOTHED = _where("person")
"""Where cloth lies on the skin in one place and hangs from it in the next, which shows from near."""

_PATCHY = 1 - _where("sky", "vehicle", "person")
"""What dries, lies in a shadow that has moved on, or is heated from below, in patches: ground, walls, hedges."""


def random_sensor(
    rng: np.random.Generator, modality: str, image: np.ndarray, colour: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """A frame as another sensor of its modality would give it.

    Args:
        rng: decides everything.
        modality: rgb (which has tones of its own, see `random_tones`), thermal, depth or event.
        image: uint8 (H, W, 3), the network image of the modality.
        colour: uint8 (H, W, 3), RGB of the same view, a source of texture.
        labels: uint8 (H, W), classes of `STREET_11`, which may have other temperatures.

    Returns:
        uint8 (H, W, 3).
    """
    values = image.astype(np.float32) / 255
    if modality == "thermal":
        values = _thermal(rng, values[..., 0], colour, labels)
    elif modality == "depth":
        values = _depth(rng, values[..., 0])
    elif modality == "event":
        values = _event(rng, values[..., 0])
    else:
        values = np.float32(rng.uniform(-0.15, 0.15)) + values ** np.float32(np.exp(rng.uniform(-0.7, 0.7)))
        values = values * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    values = _optics(rng, values)
    if values.ndim == 2:
        values = np.repeat(values[..., None], 3, axis=2)
    return np.round(255 * np.clip(values, 0, 1)).astype(np.uint8)


def _thermal(rng: np.random.Generator, grey: np.ndarray, colour: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Other temperatures, texture, gain and polarity: float32 (H, W), around 0 to 1."""
    # 1. Other weather: every class warmer or colder, and slowly varying
    if rng.random() < 0.7:
        warmth = np.zeros(256, np.float32)
        warmth[: len(STREET_11)] = np.where(_KEEPS_WARMTH, 0, rng.normal(0, 0.15, len(STREET_11)))
        grey = grey + cv2.GaussianBlur(warmth[labels], (0, 0), rng.uniform(0.5, 1.2))
    if rng.random() < 0.4:
        grey = grey + np.float32(rng.uniform(0.1, 0.5)) * slow_change(rng, grey.shape)

    # 2. Warm and cold patches, which are no vehicles: puddles, manholes, shadows that are gone, what was parked there
    if rng.random() < 0.6:
        grey = grey + _PATCHY[labels] * _patches(rng, grey.shape)

    # 3. Surfaces as rough as their colours are, and foliage
    if rng.random() < 0.7:
        tones = colour.astype(np.float32) @ (rng.normal(size=3) / 255).astype(np.float32)
        side = 2 * int(rng.integers(2, 9)) + 1
        leaves = cv2.GaussianBlur(rng.normal(size=grey.shape).astype(np.float32), (0, 0), rng.uniform(0.7, 2.5))
        leaves = _with_deviation(leaves, rng.uniform(0, 0.1))
        texture = np.float32(rng.uniform(0.05, 0.5)) * (tones - cv2.blur(tones, (side, side)))
        grey = grey + _ROUGHNESS[labels] * texture + _FOLIAGE[labels] * leaves

    # 4. Folds in clothes, finer than who wears them: what is rough is not foliage alone
    if rng.random() < 0.6:
        grey = grey + _folds(rng, _CLOTHED[labels])

    # 5. The camera's gain: dark with a few bright spots, as most real frames are, or even
    low, high = np.percentile(grey, [0.5, rng.uniform(99, 99.9)])
    grey = np.clip((grey - low) / max(high - low, 1e-3), 0, 1)
    if rng.random() < 0.8:
        grey = grey ** np.float32(np.exp(rng.uniform(-0.5, 1.3)))
    if rng.random() < 0.15:
        grey = 1 - grey
    return grey.astype(np.float32)


def _folds(rng: np.random.Generator, clothed: np.ndarray) -> np.ndarray:
    """Warm and cold folds, and bags, which hang rather than lie: float32 (H, W), around 0.

    They fade where a person is no wider than they are.

    Args:
        clothed: float32 (H, W), 1 where people are.
    """
    across = float(np.exp(rng.uniform(np.log(1), np.log(10))))
    side = 2 * round(2 * across) + 1
    folds = cv2.GaussianBlur(
        rng.normal(size=clothed.shape).astype(np.float32), (0, 0), across, sigmaY=across * rng.uniform(1, 2.5)
    )
    return clothed * cv2.blur(clothed, (side, side)) * _with_deviation(folds, rng.uniform(0, 0.1))


def _with_deviation(field: np.ndarray, deviation: float) -> np.ndarray:
    """The float32 field, scaled to this standard deviation."""
    return field * (np.float32(deviation) / max(float(field.std()), 1e-3))


def _patches(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Up to eight discs and blocks of any size, mostly flat, sharp or soft: float32 (H, W), around 0."""
    height, width = shape
    change = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(1, 9))):
        half_width = width * np.exp(rng.uniform(np.log(0.015), np.log(0.25)))
        half_height = half_width * np.exp(rng.uniform(np.log(0.12), np.log(1.2)))
        corners = int(rng.choice([4, 5, 24]))
        angle = np.sort(2 * np.pi * (np.arange(corners) + (rng.uniform(-0.25, 0.25, corners) if corners < 24 else 0)))
        angle = angle / corners + np.pi / corners
        centre = rng.uniform((0, 0.2 * height), (width, height))
        outline = centre + np.stack([half_width * np.cos(angle), half_height * np.sin(angle)], axis=1)  # (corners, 2)
        patch = cv2.fillPoly(np.zeros_like(change), [np.round(outline).astype(np.int32)], 1.0)
        change += np.float32(rng.normal(0, 0.2)) * cv2.GaussianBlur(patch, (0, 0), np.exp(rng.uniform(-0.7, 2)))
    return change


def _depth(rng: np.random.Generator, grey: np.ndarray) -> np.ndarray:
    """Shorter range, steps of disparity, holes and noise: float32 (H, W), around 0 to 1."""
    if rng.random() < 0.3:
        grey = np.where(grey > rng.uniform(0.5, 0.9), np.float32(rng.integers(2)), grey)
    if rng.random() < 0.3:
        steps = np.float32(rng.uniform(60, 250))
        grey = np.where(grey < 1, np.round(np.exp(-4 * grey) * steps) / steps, 0)
        grey = np.where(grey > 0, -np.log(np.maximum(grey, 1e-6)) / 4, 1).astype(np.float32)
    if rng.random() < 0.3:
        coarse = (max(2, grey.shape[1] // 12), max(2, grey.shape[0] // 12))
        holes = cv2.resize(rng.normal(size=coarse[::-1]).astype(np.float32), grey.shape[::-1])
        grey = np.where(holes > rng.uniform(1.2, 2.2), 0, grey)
    if rng.random() < 0.5:
        grey = grey + np.float32(rng.uniform(-0.04, 0.04))
    return grey.astype(np.float32)


def _event(rng: np.random.Generator, grey: np.ndarray) -> np.ndarray:
    """Another contrast threshold and decay, events that are missed, and dots of noise: float32 (H, W)."""
    grey = np.clip(grey * np.float32(np.exp(rng.uniform(-0.7, 0.7))) - np.float32(rng.uniform(0, 0.1)), 0, 1)
    grey = grey * (rng.random(grey.shape) < rng.uniform(0.7, 1))
    noise = rng.random(grey.shape) * (rng.random(grey.shape) < rng.uniform(0, 0.02))
    return np.maximum(grey, noise).astype(np.float32)


def _optics(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Fewer pixels, defocus or motion blur, fog, and noise of pixels and of columns: float32, the shape of `values`."""
    height, width = values.shape[:2]
    if rng.random() < 0.4:
        factor = rng.uniform(1.2, 2.5)
        small = cv2.resize(values, (round(width / factor), round(height / factor)), interpolation=cv2.INTER_AREA)
        values = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        values = cv2.GaussianBlur(values, (0, 0), rng.uniform(0.4, 1.2))
    elif rng.random() < 0.15:
        length = int(rng.integers(2, 6))
        values = cv2.blur(values, (length, 1) if rng.random() < 0.7 else (1, length))
    if rng.random() < 0.15:
        values = np.float32(rng.uniform(0.2, 0.8)) + (values - 0.5) * np.float32(rng.uniform(0.3, 0.8))
    if rng.random() < 0.6:
        values = values + np.float32(rng.uniform(0, 0.05)) * rng.normal(size=values.shape).astype(np.float32)
    if rng.random() < 0.2:
        columns = rng.normal(size=(1, width, *values.shape[2:])).astype(np.float32)
        values = values + np.float32(rng.uniform(0, 0.03)) * columns
    return values
