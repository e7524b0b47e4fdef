# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Thermal images to the network's image: gain control from counts of any bit depth to 8 bits.

Thermal cameras give counts whose range depends on camera, scene and weather: 8 bits after the camera's own gain
control, or 14 raw bits in 16, of which a street fills a few hundred counts. The network was trained on images that
fill 0 to 255 (specification section 1: pixel values 0 to 255, nothing else normalised), so a range of counts is
chosen per frame and stretched. All functions are plain; only the slow following of that range is kept between frames.
"""

from __future__ import annotations

from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from madm_model.io.frames import FrameError, RawFrame
from madm_model.modalities.rgb import contiguous_rgb, grey_to_network
from madm_model.settings import settings

_SAMPLES = 20_000
"""About how many pixels the percentiles are taken from."""


_Percent = Annotated[float, Field(ge=0, le=100)]
_Counts = Annotated[float, Field(ge=0, le=65535)]


@settings
class ThermalConfig:
    """Gain control of thermal images."""

    gain: Literal["percentile", "fixed", "clahe"] = "percentile"
    """percentile: stretch between two percentiles of the frame; clahe: the same, then local contrast; fixed: stretch
    between two counts."""
    low_percentile: _Percent = 0.5
    """Share of the pixels, in percent, that may fall below black."""
    high_percentile: _Percent = 99.5
    """Share of the pixels, in percent, that stay below white."""
    fixed_min: _Counts = 0.0
    """Count shown as black with gain fixed."""
    fixed_max: _Counts = 16383.0
    """Count shown as white with gain fixed."""
    min_span: Annotated[float, Field(gt=0, le=65535)] = 16.0
    """Smallest range, in counts, that is stretched to full contrast; keeps a flat scene from showing sensor noise."""
    max_change: Annotated[float, Field(ge=0.001, le=1)] = 0.1
    """Largest step of black and of white from one frame to the next, as a share of the present range; 1 turns the
    temporal filter off."""
    clahe_clip_limit: Annotated[float, Field(ge=0.1, le=100)] = 2.0
    """Contrast limit of CLAHE; higher shows more local contrast and more noise."""
    clahe_tiles: Annotated[int, Field(ge=1, le=64)] = 8
    """Tiles per side of the image for CLAHE."""
    invert: bool = False
    """True for cameras that show hot as dark."""

    def __post_init__(self) -> None:
        if self.low_percentile >= self.high_percentile:
            raise ValueError(
                f"low_percentile {self.low_percentile} has to be below high_percentile {self.high_percentile}"
            )
        if self.fixed_min >= self.fixed_max:
            raise ValueError(f"fixed_min {self.fixed_min} has to be below fixed_max {self.fixed_max}")


def thermal_counts(frame: RawFrame) -> np.ndarray:
    """The single channel of a thermal frame.

    Args:
        frame: mono8, 8UC1, mono16, 16UC1, or rgb8 of a camera that colours its image; colour becomes brightness.

    Returns:
        uint8 or uint16 (H, W), counts.

    Raises:
        FrameError: any other encoding.
    """
    if frame.encoding == "rgb8":
        return cv2.cvtColor(contiguous_rgb(frame.array), cv2.COLOR_RGB2GRAY)
    if frame.array.dtype in (np.uint8, np.uint16) and frame.array.ndim == 2:
        return frame.array
    raise FrameError(f"encoding '{frame.encoding}' is no thermal image: publish mono8, mono16, 16UC1, rgb8 or bgr8")


def percentile_limits(counts: np.ndarray, low: float, high: float, min_span: float) -> tuple[float, float]:
    """Black and white point of a frame, from a regular grid of about 20,000 of its pixels.

    Args:
        counts: uint8 or uint16 (H, W).
        low: percentile of the black point, 0 to 100.
        high: percentile of the white point, above low.
        min_span: smallest distance of the two, in counts; a narrower range is widened around its middle.

    Returns:
        (black, white) in counts, black + min_span <= white.
    """
    step = max(1, int((counts.size / _SAMPLES) ** 0.5))
    black, white = np.percentile(counts[::step, ::step], (low, high))
    if white - black < min_span:
        middle = (float(black) + float(white)) / 2
        return middle - min_span / 2, middle + min_span / 2
    return float(black), float(white)


def follow_limits(present: tuple[float, float], wanted: tuple[float, float], max_change: float) -> tuple[float, float]:
    """Move black and white towards where a new frame wants them, by a bounded step.

    Something hot that enters would otherwise darken the whole rest of the image from one frame to the next. Each limit
    moves by at most `max_change` of the present range, so the gain changes by a factor of at most
    1 / (1 - 2 max_change). A wanted range that lies wholly outside the present one is taken over at once: the camera
    was recalibrated or the scene cut, and the image would be all black or all white.

    Args:
        present: (black, white) of the last frame, counts.
        wanted: (black, white) of this frame alone, counts.
        max_change: share of the present range, above 0 to 1; 1 takes the wanted limits at once.
    """
    if max_change >= 1 or wanted[0] >= present[1] or wanted[1] <= present[0]:
        return wanted
    step = max_change * (present[1] - present[0])
    black, white = (limit + min(max(target - limit, -step), step) for limit, target in zip(present, wanted))
    return black, white


def apply_gain(counts: np.ndarray, limits: tuple[float, float], invert: bool = False) -> np.ndarray:
    """Stretch counts to 8 bits through a lookup table.

    Args:
        counts: uint8 or uint16 (H, W).
        limits: (black, white) in counts, black < white; counts outside are clipped.
        invert: show black as 255 and white as 0.

    Returns:
        uint8 (H, W).
    """
    black, white = limits
    levels = np.arange(1 << (8 * counts.itemsize), dtype=np.float32)
    levels = np.clip((levels - np.float32(black)) * np.float32(255 / (white - black)), 0, 255)
    table = np.rint(255 - levels if invert else levels).astype(np.uint8)
    return cv2.LUT(counts, table) if counts.dtype == np.uint8 else table[counts]


def local_contrast(grey: np.ndarray, clip_limit: float, tiles: int) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation (CLAHE) of uint8 (H, W)."""
    return cv2.createCLAHE(clip_limit, (tiles, tiles)).apply(grey)


class ThermalPreprocessor:
    """Thermal frames to network images, with the gain bounded from frame to frame.

    `config` may be replaced between frames, also from another thread; the limits reached so far stay.
    """

    def __init__(self, config: ThermalConfig | None = None) -> None:
        self.config = config or ThermalConfig()
        self._limits: tuple[float, float] | None = None
        self._seen: tuple[tuple[int, ...], str] | None = None

    @property
    def limits(self) -> tuple[float, float] | None:
        """Black and white point of the last frame, in counts; None before the first."""
        return self._limits

    def reset(self) -> None:
        """Forget the limits: the next frame sets its own."""
        self._limits = None

    def __call__(self, frame: RawFrame) -> np.ndarray:
        """Make the network's image of a frame.

        The limits start anew when the image's size or encoding changes.

        Returns:
            uint8 (H, W, 3), three equal channels.

        Raises:
            FrameError: the encoding is not one of a thermal image.
        """
        config = self.config  # one consistent set, however often it is replaced meanwhile
        counts = thermal_counts(frame)
        if self._seen != (counts.shape, frame.encoding):
            self._seen = (counts.shape, frame.encoding)
            self.reset()
        if config.gain == "fixed":
            limits = (config.fixed_min, config.fixed_max)
        else:
            limits = percentile_limits(counts, config.low_percentile, config.high_percentile, config.min_span)
            if self._limits is not None:
                limits = follow_limits(self._limits, limits, config.max_change)
        self._limits = limits
        grey = apply_gain(counts, limits, config.invert)
        if config.gain == "clahe":
            grey = local_contrast(grey, config.clahe_clip_limit, config.clahe_tiles)
        return grey_to_network(grey)
