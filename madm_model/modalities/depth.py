# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Depth images to the network's image, and to metres.

Units follow REP 118: 16UC1 is millimetres with 0 for invalid, 32FC1 is metres. Of the float values NaN and 0 mean
unknown, +inf means farther than the sensor sees (REP 117).
"""

from __future__ import annotations

from typing import Annotated, Literal

import cv2
import numpy as np
from pydantic import Field

from madm_model.io.frames import FrameError, RawFrame
from madm_model.modalities.rgb import grey_to_network
from madm_model.settings import settings

_AUTO_SHARE = 0.05
"""Hole filling auto fills when more than this share of the pixels is unknown."""

_NOTHING = np.float32(1e9)
"""Stands for no reading where the nearest one is looked for, in metres."""

_GROWTH = 2
"""How far readings are grown towards the camera before holes are filled, in pixels."""

_CARLA_FAR_M = 1000.0
_CARLA_LOG_RANGE = 5.70378


@settings
class DepthConfig:
    """How depth becomes an 8-bit image."""

    min_range_m: Annotated[float, Field(ge=0.001, le=1000)] = 0.1
    """Readings nearer than this, in metres, are noise and count as unknown."""
    max_range_m: Annotated[float, Field(ge=0.01, le=10_000)] = 200.0
    """Readings farther than this, in metres, are shown as infinitely far; for the point cloud they are invalid."""
    unit_m: Annotated[float, Field(ge=1e-6, le=1)] = 0.001
    """Metres per count of 16-bit depth; REP 118 says one millimetre."""
    encoding: Literal["log", "linear", "inverse"] = "log"
    """Grey of a depth: log is CARLA's logarithmic depth image (near dark, 1000 m and beyond white), which spends its
    grey values on near and far alike; linear runs from black at min_range_m to white at max_range_m; inverse from
    white at min_range_m to black at infinity, like a disparity image."""
    hole_filling: Literal["auto", "on", "off"] = "auto"
    """on: fill unknown pixels from their neighbours; auto: only if more than 5 % are unknown; off: never."""
    max_hole_radius: Annotated[float, Field(ge=0.001, le=1)] = 0.03
    """Unknown pixels farther than this from any reading, as a share of the image's height, are not filled."""

    def __post_init__(self) -> None:
        if self.min_range_m >= self.max_range_m:
            raise ValueError(f"min_range_m {self.min_range_m} has to be below max_range_m {self.max_range_m}")


def metric_depth(frame: RawFrame, config: DepthConfig) -> np.ndarray:
    """Depth in metres, as for a point cloud: nothing filled, nothing guessed.

    Args:
        frame: 16UC1 or mono16 in units of `config.unit_m`, or 32FC1 in metres.
        config: the range limits and the unit.

    Returns:
        float32 (H, W), metres; NaN where the sensor gave no reading within the range limits.

    Raises:
        FrameError: the encoding is not one of depth, or no pixel is valid.
    """
    depth = _ranges(frame, config)
    depth[np.isinf(depth)] = np.nan
    return depth


def _ranges(frame: RawFrame, config: DepthConfig) -> np.ndarray:
    """As `metric_depth`, but what is beyond the range is +inf."""
    depth: np.ndarray
    if frame.encoding in ("16UC1", "mono16"):
        depth = np.multiply(frame.array, config.unit_m, dtype=np.float32)
    elif frame.encoding == "32FC1":
        depth = np.array(frame.array, np.float32)
    else:
        raise FrameError(
            f"encoding '{frame.encoding}' is no depth image: publish 16UC1 (millimetres) or 32FC1 (metres), "
            "not a picture of the depth"
        )
    near, far = np.float32(config.min_range_m), np.float32(config.max_range_m)
    is_known = depth >= near  # false for NaN, 0, -inf
    is_far = depth > far
    if not (is_known & ~is_far).any():
        raise FrameError(
            f"the depth image has no valid pixel from {config.min_range_m:g} to {config.max_range_m:g} m: "
            "check the sensor and the range limits"
        )
    depth[is_far] = np.inf
    depth[~is_known] = np.nan
    return depth


def fill_holes(depth: np.ndarray, radius: float) -> np.ndarray:
    """Give unknown pixels the depth of the nearest known one, for sparse (LiDAR) depth and small holes.

    A small dilation towards the camera comes first, so that background returns seen through the gaps of a foreground
    object do not pierce it (as J. Ku et al., "In Defense of Classical Image Processing", CRV 2018, prefer the near);
    a median takes the steps out of what was filled. What lies above the topmost depth of its column is taken as beyond
    range: it is mostly sky, from which no LiDAR gets a return, and which is white in dense depth images too.

    Args:
        depth: float32 (H, W), metres; NaN unknown, +inf beyond range.
        radius: pixels farther than this from any known one, in pixels, stay unknown, but for those at the top.

    Returns:
        float32 (H, W); known pixels are unchanged.
    """
    unknown = np.isnan(depth)
    nearest_first = np.where(np.isfinite(depth), depth, _NOTHING)
    kernel = cv2.getStructuringElement(cv2.MORPH_CROSS, (2 * _GROWTH + 1, 2 * _GROWTH + 1))
    grown = cv2.erode(nearest_first, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=float(_NOTHING))
    seeds = ~unknown | (grown < _NOTHING)
    values = np.where(unknown, grown, depth)
    distance, labels = cv2.distanceTransformWithLabels(
        (~seeds).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.empty(int(labels.max()) + 1, np.float32)
    lookup[labels[seeds]] = values[seeds]
    filled = cv2.medianBlur(lookup[labels], 5)
    filled[distance > max(radius - _GROWTH, 0)] = np.nan
    filled = np.where(unknown, filled, depth)

    is_known = ~np.isnan(filled)
    topmost = np.where(is_known.any(axis=0), is_known.argmax(axis=0), 0)
    filled[np.arange(len(filled))[:, None] < topmost] = np.inf
    return filled


def grey_levels(depth: np.ndarray, config: DepthConfig) -> np.ndarray:
    """Depth to grey, as `DepthConfig.encoding` says; log is carla::image::ColorConverter's logarithmic depth.

    Args:
        depth: float32 (H, W), metres; NaN unknown, +inf beyond range.
        config: encoding and range limits.

    Returns:
        uint8 (H, W); known pixels are 1 to 255, unknown ones 0.
    """
    share: np.ndarray
    if config.encoding == "log":
        share = 1 + np.log(depth / np.float32(_CARLA_FAR_M)) / np.float32(_CARLA_LOG_RANGE)
    elif config.encoding == "linear":
        share = (depth - np.float32(config.min_range_m)) / np.float32(config.max_range_m - config.min_range_m)
    else:
        share = np.float32(config.min_range_m) / depth
    grey = np.clip(np.rint(255 * share), 1, 255)
    return np.where(np.isnan(depth), 0, grey).astype(np.uint8)


def depth_image(frame: RawFrame, config: DepthConfig) -> np.ndarray:
    """Make the network's image of a depth frame.

    Source: specification section 14 (8-bit images of depth as DELIVER, recorded in CARLA, has them; one channel is
    repeated three times).

    Args:
        frame: 16UC1, mono16 or 32FC1.
        config: range limits, encoding and hole filling.

    Returns:
        uint8 (H, W, 3), three equal channels; unknown pixels are 0.

    Raises:
        FrameError: the encoding is not one of depth, or no pixel is valid.
    """
    depth = _ranges(frame, config)
    is_filling = config.hole_filling == "on"
    if config.hole_filling == "auto":
        is_filling = np.count_nonzero(np.isnan(depth)) > _AUTO_SHARE * depth.size
    if is_filling:
        depth = fill_holes(depth, config.max_hole_radius * depth.shape[0])
    return grey_to_network(grey_levels(depth, config))
