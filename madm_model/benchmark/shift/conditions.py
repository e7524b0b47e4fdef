# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Streets as the simulator gives them, and what else a camera may meet: fog, another lens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np

from madm_model.io.frames import RawFrame
from madm_model.modalities import make_preprocessor
from madm_model.simulator import SimulatedFrame, SimulatorConfig, StreetSimulator
from madm_model.simulator.config import TimeOfDay

MODALITIES = ("thermal", "depth", "rgb")
"""Sensors whose fog and lens are known here."""

_ENCODINGS = {"thermal": "mono16", "depth": "32FC1", "rgb": "rgb8"}
_INTERVAL_S = 12.0
"""Between two frames of a drive: five of them are a minute."""
_VISIBILITY_M, _CONTRAST = 60.0, 3.912
"""Koschmieder: at the visibility range a contrast is down to 2 %, the exponential of this."""
_FOG_GREY = 200.0


def drive(seed: int, frames: int, time_of_day: TimeOfDay) -> Iterator[SimulatedFrame]:
    """Frames of one street."""
    simulator = StreetSimulator(seed, SimulatorConfig(time_of_day=time_of_day))
    return (simulator.frame(number * _INTERVAL_S) for number in range(frames))


def in_fog(frame: SimulatedFrame) -> SimulatedFrame:
    """The same in fog with a visibility of 60 m.

    Light and heat come through as exp(-3.912 d / 60 m), the rest is the fog's own; a range is measured where light
    comes back, there and back, and is missing elsewhere.
    """
    clear = np.exp(-_CONTRAST / _VISIBILITY_M * np.minimum(frame.depth, 1e4))
    air = float(np.median(frame.thermal[np.isfinite(frame.depth)]))
    returned = np.random.default_rng(round(1000 * frame.time_s)).random(frame.depth.shape) < clear**2
    return replace(
        frame,
        rgb=(frame.rgb * clear[..., None] + _FOG_GREY * (1 - clear[..., None])).astype(np.uint8),
        thermal=(frame.thermal * clear + air * (1 - clear)).astype(np.uint16),
        depth=np.where(returned, frame.depth, np.float32(np.inf)),
    )


def through_longer_lens(frame: SimulatedFrame) -> SimulatedFrame:
    """The same through a lens of twice the focal length: the middle of the picture, as large as the whole."""
    height, width = frame.labels.shape
    rows, columns = (slice(side // 4, side // 4 + side // 2) for side in (height, width))

    def enlarge(pixels: np.ndarray, interpolation: int) -> np.ndarray:
        return cv2.resize(pixels[rows, columns], (width, height), interpolation=interpolation)

    return replace(
        frame,
        rgb=enlarge(frame.rgb, cv2.INTER_LINEAR),
        thermal=enlarge(frame.thermal, cv2.INTER_LINEAR),
        depth=enlarge(frame.depth, cv2.INTER_NEAREST),
        labels=enlarge(frame.labels, cv2.INTER_NEAREST),
    )


CONDITIONS: dict[str, tuple[TimeOfDay, Callable[[SimulatedFrame], SimulatedFrame]]] = {
    "more of the same": ("day", lambda frame: frame),
    "night": ("night", lambda frame: frame),
    "fog, 60 m": ("day", in_fog),
    "a lens twice as long": ("day", through_longer_lens),
}
"""Time of day, and what becomes of its frames."""


def network_image(frame: SimulatedFrame, modality: str) -> np.ndarray:
    """A frame as a network sees it, uint8 (H, W, 3)."""
    raw = RawFrame(getattr(frame, modality), _ENCODINGS[modality], round(frame.time_s * 1e9), "simulator")
    return make_preprocessor(modality)(raw)
