# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which images of a stream show what the last kept one did."""

from __future__ import annotations

import cv2
import numpy as np

from madm_model.io import messages
from madm_model.io.bag_storage import standard_types
from madm_model.io.bags import IMAGE_TYPES
from madm_model.io.frames import FrameError
from madm_model.io.raw_message import RawMessage

_THUMBNAIL = (32, 24)
_LOW, _HIGH = 1.0, 99.0
"""Percentiles of an image that are black and white, where its pixels are no grey levels."""
_EVERY = 4
"""Rows and columns from one pixel to the next of which those are taken."""


class StillImages:
    """Tells images that hardly differ from the last one that was kept; messages of other types always differ.

    An image's thumbnail, 32x24, is compared with that of the last kept one, in grey levels of 0 to 255. 16-bit counts
    and metres become grey levels by the range of the last kept image, its percentiles 1 to 99; metres that are not
    finite count as 0.

    Args:
        difference: mean of grey levels from which on two images differ; 0: always.
    """

    def __init__(self, difference: float) -> None:
        self._difference = difference
        self._types = standard_types()
        self._last: np.ndarray | None = None
        self._levels = 1.0
        """Grey levels of one unit of the sensor."""

    def shows_the_same(self, raw: RawMessage) -> bool:
        """Whether an image shows what the last one did for which this was false.

        Raises:
            FrameError: it cannot be decoded.
        """
        if raw.topic.type not in IMAGE_TYPES or not self._difference:
            return False
        pixels = self._pixels(raw)
        thumbnail = cv2.resize(pixels, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
        if self._last is not None and self._last.shape == thumbnail.shape:
            difference = float(np.abs(thumbnail - self._last).mean()) * self._levels
            if difference < self._difference:
                return True
        self._last, self._levels = thumbnail, _levels(pixels)
        return False

    def forget(self) -> None:
        """The last kept image has been lost: the next one differs."""
        self._last = None

    def _pixels(self, raw: RawMessage) -> np.ndarray:
        """uint8, uint16 or finite float32, (H, W) or (H, W, 3)."""
        try:
            message = self._types.deserialize_cdr(raw.data, raw.topic.type)
        except Exception as error:  # rosbags raises errors of several kinds on damaged bytes
            raise FrameError(f"the message cannot be read ({type(error).__name__}): it is damaged") from None
        pixels = messages.decode(message).array
        if pixels.dtype.kind == "f":
            pixels = np.nan_to_num(pixels, nan=0.0, posinf=0.0, neginf=0.0)
        return np.ascontiguousarray(pixels)


def _levels(pixels: np.ndarray) -> float:
    if pixels.dtype == np.uint8:
        return 1.0
    low, high = np.percentile(pixels[::_EVERY, ::_EVERY], (_LOW, _HIGH))
    return 255.0 / float(high - low) if high > low else 0.0
