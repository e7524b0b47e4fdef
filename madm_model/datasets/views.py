# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Resizes and crops of the paper's data, exactly as officially: by Pillow, whose bilinear filter averages.

Source: specification section 14.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

CROP_SIZE = (512, 512)
"""Height and width of a training crop."""
TEST_SIZE = (512, 512)
"""Height and width to which test images and their labels are resized, whatever their aspect ratio."""


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize uint8 (H, W, 3) to a height and width, bilinear with antialiasing: uint8 (h, w, 3)."""
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))


def resize_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize class ids, uint8 (H, W), to a height and width; each is that of the nearest pixel: uint8 (h, w)."""
    return np.asarray(Image.fromarray(labels).resize(size[::-1], Image.Resampling.NEAREST))


def random_crop(
    rng: np.random.Generator, image: np.ndarray, labels: np.ndarray | None, size: tuple[int, int] = CROP_SIZE
) -> tuple[np.ndarray, np.ndarray | None]:
    """A crop from anywhere, mirrored half of the time.

    Args:
        rng: decides everything.
        image: uint8 (H, W, 3), already resized to the data set's `training_size`.
        labels: uint8 (H, W); None for a target.
        size: height and width h, w of the crop; H and W at most.

    Returns:
        Views of both: (h, w, 3), and (h, w) or None.
    """
    height, width = size
    top = int(rng.integers(image.shape[0] - height + 1))
    left = int(rng.integers(image.shape[1] - width + 1))
    mirrored = slice(None, None, -1) if rng.random() < 0.5 else slice(None)

    def cut(array: np.ndarray) -> np.ndarray:
        return array[top : top + height, left : left + width][:, mirrored]

    return cut(image), None if labels is None else cut(labels)
