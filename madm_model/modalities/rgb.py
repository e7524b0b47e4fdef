# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Visible-light images to the network's image."""

from __future__ import annotations

import cv2
import numpy as np

from madm_model.io.frames import FrameError, RawFrame


def rgb_image(frame: RawFrame) -> np.ndarray:
    """Give a visible-light frame the network's three channels.

    Source: specification section 14 (one channel is repeated three times).

    Args:
        frame: rgb8, mono8 or 8UC1.

    Returns:
        uint8 (H, W, 3), RGB, contiguous.

    Raises:
        FrameError: any other encoding.
    """
    if frame.encoding == "rgb8":
        return contiguous_rgb(frame.array)
    if frame.encoding in ("mono8", "8UC1"):
        return grey_to_network(frame.array)
    raise FrameError(f"encoding '{frame.encoding}' is no visible-light image: publish rgb8, bgr8 or mono8")


def contiguous_rgb(view: np.ndarray) -> np.ndarray:
    """Lay out uint8 (H, W, 3), whatever its strides, contiguously."""
    if view.strides[2] == -1:  # decoded from BGR: OpenCV turns that round several times faster than numpy copies it
        return cv2.cvtColor(view[..., ::-1], cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(view)


def grey_to_network(grey: np.ndarray) -> np.ndarray:
    """Repeat uint8 (H, W) as three equal channels: uint8 (H, W, 3)."""
    return cv2.cvtColor(np.ascontiguousarray(grey), cv2.COLOR_GRAY2RGB)
