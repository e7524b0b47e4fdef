# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Images of a colour camera beside the sensor: for every frame of a recording the one that is nearest in time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from madm_model.adaptation.paired_config import PairedConfig
from madm_model.io.bags import BagError, BagReader
from madm_model.io.frames import FrameError, InputError, RawFrame
from madm_model.modalities.rgb import rgb_image

_Timed = tuple[int, np.ndarray]
"""Nanoseconds, and an image, uint8 (H, W, 3)."""
_SAME_SHAPE = 0.02
"""Relative difference of two images' ratios of sides up to which they may show the same view."""
_LEAD_S = 1.0
"""Seconds before the wanted part of a recording that paired images are looked for: they may have been taken later than
they were recorded."""


class PairedImages:
    """Finds the paired image of frames that come in order of time; memory holds two images.

    Attributes:
        missed_s: least time between a frame and an image that was too far away, seconds; infinite: there was none.
    """

    def __init__(self, images: Iterator[_Timed], config: PairedConfig) -> None:
        """Begin a recording.

        Args:
            images: of the colour camera, in order of time, with their time.
            config: how far in time, and how the images lie over the frames.
        """
        self._images, self._config = images, config
        self._before: _Timed | None = None
        self._after = next(images, None)
        self.missed_s = float("inf")

    def of(self, frame: RawFrame) -> np.ndarray | None:
        """The image that is nearest in time, as it lies over a frame: uint8 (H, W, 3) of any size, None without one.

        Raises:
            InputError: it has other proportions than the frame, and there is no homography.
        """
        now_ns = _time_ns(frame)
        while self._after is not None and self._after[0] <= now_ns:
            self._before, self._after = self._after, next(self._images, None)
        near = [(abs(image[0] - now_ns) / 1e9, image[1]) for image in (self._before, self._after) if image is not None]
        if not near:
            return None
        distance_s, image = min(near, key=lambda one: one[0])
        if distance_s > self._config.paired_tolerance:
            self.missed_s = min(self.missed_s, distance_s)
            return None
        return _over(frame, image, self._config)


def _time_ns(frame: RawFrame) -> int:
    """When it was taken, or where that is not known, recorded."""
    return frame.stamp_ns or (frame.recorded.stamp_ns if frame.recorded is not None else 0)


def _over(frame: RawFrame, image: np.ndarray, config: PairedConfig) -> np.ndarray:
    if config.paired_homography:
        matrix = np.reshape(config.paired_homography, (3, 3))
        return cv2.warpPerspective(image, matrix, (frame.width, frame.height))  # black where it shows nothing
    height, width = image.shape[:2]
    if abs(width * frame.height / (height * frame.width) - 1) > _SAME_SHAPE:
        raise InputError(
            f"images of {config.paired_topic} are {width}x{height} and frames {frame.width}x{frame.height}: they "
            "cannot show the same view, give the option paired_homography"
        )
    return image


@contextlib.contextmanager
def open_paired(
    path: Path, config: PairedConfig, start_s: float, end_s: float, on_bad_image: Callable[[FrameError], None]
) -> Iterator[PairedImages]:
    """The paired images of a recording; of one without the topic, or that breaks off, those that there are.

    Args:
        path: of the bag.
        config: names the topic.
        start_s: second of the bag from which frames are wanted.
        end_s: second at which they end; 0 for the bag's end.
        on_bad_image: called for an image that cannot be used, which is then skipped.

    Raises:
        BagError: it is no bag, or the topic is no image topic.
    """
    with BagReader(path) as reader:
        if config.paired_topic in reader.topics():
            reader.choose_topic(config.paired_topic)
            images = reader.frames(
                config.paired_topic, max(0.0, start_s - _LEAD_S), end_s + _LEAD_S if end_s else None, 1, on_bad_image
            )
        else:
            images = iter(())
        yield PairedImages(_usable(images, on_bad_image), config)


def _usable(images: Iterator[RawFrame], on_bad_image: Callable[[FrameError], None]) -> Iterator[_Timed]:
    with contextlib.suppress(BagError):  # the frames' own reading tells
        for frame in images:
            try:
                image = rgb_image(frame)
            except FrameError as error:
                on_bad_image(error)
                continue
            yield _time_ns(frame), image
