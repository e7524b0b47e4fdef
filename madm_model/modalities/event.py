# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Event edge frames to the network's image."""

from __future__ import annotations

import cv2
import numpy as np

from madm_model.io.frames import FrameError, RawFrame
from madm_model.modalities.rgb import contiguous_rgb, grey_to_network
from madm_model.settings import settings


@settings
class EventConfig:
    """How edge frames become the network's image; how they are made of events is `madm_model.events.EdgeConfig`."""

    invert: bool = False
    """True for edge frames with dark edges on white: the network is shown bright edges on black."""


def event_image(frame: RawFrame, config: EventConfig | None = None) -> np.ndarray:
    """Give an edge frame the network's three channels.

    Edge frames are normalised where they are made, from counts and times that eight bits no longer hold; they only
    have to be repeated here (specification section 14: one channel is repeated three times). Finished edge images of
    a data set may have three channels already.

    Args:
        frame: mono8, 8UC1 or rgb8.
        config: by default bright edges on black are expected.

    Returns:
        uint8 (H, W, 3), RGB, contiguous.

    Raises:
        FrameError: any other encoding.
    """
    if frame.encoding == "rgb8":
        image = contiguous_rgb(frame.array)
    elif frame.encoding in ("mono8", "8UC1"):
        image = grey_to_network(frame.array)
    else:
        raise FrameError(f"encoding '{frame.encoding}' is no edge frame: publish mono8")
    return cv2.bitwise_not(image) if config is not None and config.invert else image
