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
        return np.ascontiguousarray(frame.array)
    if frame.encoding in ("mono8", "8UC1"):
        return grey_to_network(frame.array)
    raise FrameError(f"encoding '{frame.encoding}' is no visible-light image: publish rgb8, bgr8 or mono8")


def grey_to_network(grey: np.ndarray) -> np.ndarray:
    """Repeat uint8 (H, W) as three equal channels: uint8 (H, W, 3)."""
    return cv2.cvtColor(np.ascontiguousarray(grey), cv2.COLOR_GRAY2RGB)
