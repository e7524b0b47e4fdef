# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The edge map with the semantics of dv-processing's EdgeMapAccumulator."""

from __future__ import annotations

import cv2
import numpy as np

from madm_model.events.container import Events
from madm_model.events.edge_config import EdgeConfig


class EdgeMap:
    """Eight-bit histogram of events: each adds a fixed step, saturating; each frame falls towards neutral.

    Pixel for pixel what dv.EdgeMapAccumulator draws with the same contribution, decay, neutral potential and
    polarity setting (dv-processing 2.0; its default decay is 1).
    """

    def __init__(self, height: int, width: int, config: EdgeConfig) -> None:
        neutral = int(np.float32(config.neutral) * np.float32(255))
        fall = int(np.float32(config.edge_map_decay) * np.float32(255))
        levels = np.arange(256)
        towards = np.where(levels < neutral, np.minimum(levels + fall, neutral), np.maximum(levels - fall, neutral))
        self._decay = towards.astype(np.uint8)
        self._step = int(np.ceil(np.float32(255) * np.float32(config.contribution)))
        self._image: np.ndarray = np.full((height, width), neutral, np.uint8)
        self._ignore_polarity = config.ignore_polarity
        self._fell = False

    def add(self, events: Events) -> None:
        """Take in events, in the order of time."""
        self._fall()
        if self._ignore_polarity:
            count = np.bincount(events.pixel(), minlength=self._image.size).astype(np.float32)
            rise = cv2.convertScaleAbs(count.reshape(self._image.shape), alpha=self._step)
            self._image = cv2.add(self._image, rise)
        else:
            self._image = _stepped(self._image, events.pixel(), events.p, self._step)

    def frame(self, end_us: int) -> np.ndarray:
        """The picture so far, uint8 (H, W); the time plays no part, each call makes the map fall once."""
        self._fall()
        self._fell = False
        return self._image.copy()

    def _fall(self) -> None:
        """Fall towards neutral, once per frame and before its first event."""
        if not self._fell:
            self._image = self._decay[self._image]
            self._fell = True


def _stepped(image: np.ndarray, pixel: np.ndarray, rises: np.ndarray, step: int) -> np.ndarray:
    """Add or subtract `step` event after event, saturating each time, without a loop over events.

    "Shift, then clip to low..high" is closed under composition, so the events of a pixel are merged in pairs, in
    their order, until one such operation is left per pixel.

    Args:
        image: uint8 (H, W), before the events.
        pixel: intp (N,), flat index of each event's pixel.
        rises: uint8 (N,), 1 for an event that adds.
        step: grey levels per event.
    """
    order = _stable_order(pixel)
    pixel = pixel[order]
    shift = rises[order].astype(np.int32) * (2 * step) - step
    low, high = np.zeros_like(shift), np.full_like(shift, 255)
    while True:
        same = pixel[1:] == pixel[:-1]
        if not same.any():
            break
        position = np.arange(len(pixel))
        first = np.concatenate([[True], ~same])
        rank = position - np.maximum.accumulate(np.where(first, position, 0))
        even = rank & 1 == 0
        left = np.flatnonzero(even[:-1] & same)
        right = left + 1
        low[left] = np.clip(low[left] + shift[right], low[right], high[right])
        high[left] = np.clip(high[left] + shift[right], low[right], high[right])
        shift[left] += shift[right]
        pixel, shift, low, high = pixel[even], shift[even], low[even], high[even]
    flat = image.ravel().astype(np.int32)
    flat[pixel] = np.clip(flat[pixel] + shift, low, high)
    return flat.astype(np.uint8).reshape(image.shape)


def _stable_order(pixel: np.ndarray) -> np.ndarray:
    """Order of pixel indices below 2^32 that keeps equal ones in place: numpy sorts 16 bits by radix, so in two."""
    by_low = np.argsort((pixel & 0xFFFF).astype(np.uint16), kind="stable")
    return by_low[np.argsort((pixel >> 16).astype(np.uint16)[by_low], kind="stable")]
