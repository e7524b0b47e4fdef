# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What is looked at of a frame to tell whether it is like others: small vectors, made of what the node has anyway."""

from __future__ import annotations

import cv2
import numpy as np

PARTS = ("image", "texture", "confidence", "classes")
"""Of the statistics, each a vector of its own."""

_SIZE = (128, 96)
_GREY_BINS, _BANDS, _CONFIDENCE_BINS = 16, 4, 8
_STEPS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 256.0)
"""Bounds of the bins of differences between neighbouring pixels, grey levels."""
_EVERY = 2
"""Rows and columns from one label to the next of which those are taken."""


def frame_statistics(
    image: np.ndarray, labels: np.ndarray, confidence: np.ndarray, num_classes: int
) -> dict[str, np.ndarray]:
    """Statistics of one frame, float64 vectors by part; every network in every runtime gives what they need.

    Shares enter as their roots, so that a rare class or grey level counts beside frequent ones (as in Hellinger's
    distance). They do not depend on the image's size: it is brought to 128x96 before.

    Args:
        image: uint8 (H, W, 3), what the network saw.
        labels: uint8 (H, W), class ids; 255 counts for none.
        confidence: uint8 (H, W), 255 is certain.
        num_classes: of the model.

    Returns:
        image: histogram of grey levels, and mean of four bands from top to bottom; texture: histogram of the
        differences of neighbouring pixels; confidence: histogram and mean; classes: shares, and share of pixels at a
        boundary.
    """
    grey = cv2.resize(image, _SIZE, interpolation=cv2.INTER_AREA).mean(axis=2)
    grey_shares = np.histogram(grey, _GREY_BINS, (0, 256))[0] / grey.size
    bands = grey.reshape(_BANDS, -1).mean(axis=1) / 255
    steps = np.abs(np.concatenate([np.diff(grey, axis=0).ravel(), np.diff(grey, axis=1).ravel()]))
    step_shares = np.histogram(steps, _STEPS)[0] / steps.size
    ids, sure = labels[::_EVERY, ::_EVERY], confidence[::_EVERY, ::_EVERY]
    sure_shares = np.histogram(sure, _CONFIDENCE_BINS, (0, 256))[0] / sure.size
    class_shares = np.bincount(ids.ravel(), minlength=256)[:num_classes] / ids.size
    boundary = (ids[1:] != ids[:-1]).mean() if len(ids) > 1 else 0.0
    return {
        "image": np.concatenate([np.sqrt(grey_shares), bands]),
        "texture": np.sqrt(step_shares),
        "confidence": np.append(np.sqrt(sure_shares), sure.mean() / 255),
        "classes": np.sqrt(np.append(class_shares, boundary)),
    }


def mean_confidence(statistics: np.ndarray) -> float:
    """The mean confidence, 0 to 1, in the part of that name."""
    return float(statistics[-1])
