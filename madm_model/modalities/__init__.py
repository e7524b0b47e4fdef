# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""From a sensor's frame to the network's image: uint8 (H, W, 3), the same for live topics, bags and training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

import numpy as np

from madm_model.io.frames import RawFrame
from madm_model.modalities.depth import DepthConfig, depth_image
from madm_model.modalities.event import EventConfig, event_image
from madm_model.modalities.rgb import rgb_image
from madm_model.modalities.thermal import ThermalConfig, ThermalPreprocessor
from madm_model.settings import read_settings

__all__ = [
    "DepthConfig",
    "EventConfig",
    "Preprocessor",
    "ThermalConfig",
    "ThermalPreprocessor",
    "make_preprocessor",
]


class Preprocessor(Protocol):
    """Turns frames into network images."""

    def __call__(self, frame: RawFrame) -> np.ndarray:
        """Make the network's image, uint8 (H, W, 3); FrameError for a frame that cannot be used."""


def make_preprocessor(modality: str, settings: Mapping[str, Any] | None = None) -> Preprocessor:
    """The way of one modality to the network's image.

    Args:
        modality: rgb, thermal, depth, or event, whose frames are edge frames.
        settings: values for fields of ThermalConfig, DepthConfig or EventConfig; rgb has none.

    Raises:
        ValueError: an unknown modality or setting, or a value out of its range.
    """
    settings = settings or {}
    if modality == "thermal":
        return ThermalPreprocessor(read_settings(ThermalConfig, settings))
    if modality == "depth":
        return partial(depth_image, config=read_settings(DepthConfig, settings))
    if modality == "event":
        return partial(event_image, config=read_settings(EventConfig, settings))
    if modality == "rgb":
        if settings:
            raise ValueError(f"unknown setting '{next(iter(settings))}': rgb has no settings")
        return rgb_image
    raise ValueError(f"modality '{modality}' is unknown: use rgb, thermal, depth or event")
