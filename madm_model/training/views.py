# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What of an image is seen in one training step, and the way into a batch."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch


def random_view(
    rng: np.random.Generator,
    image: np.ndarray,
    labels: np.ndarray | None,
    size: tuple[int, int],
    scale: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray | None]:
    """A randomly placed, scaled and mirrored part of an image.

    Args:
        rng: decides everything.
        image: uint8 (H, W, 3).
        labels: uint8 (H, W), or None.
        size: height and width of the result.
        scale: smallest and largest magnification; more if the image would not fill the result otherwise.

    Returns:
        uint8 (h, w, 3) and uint8 (h, w) or None.
    """
    height, width = image.shape[:2]
    magnification = max(rng.uniform(*scale), size[0] / height, size[1] / width)
    rows, columns = round(size[0] / magnification), round(size[1] / magnification)
    top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
    window = np.s_[top : top + rows, left : left + columns]
    mirror = np.s_[:, :: -1 if rng.random() < 0.5 else 1]
    interpolation = cv2.INTER_AREA if magnification < 1 else cv2.INTER_LINEAR
    view = cv2.resize(np.asarray(image[window]), size[::-1], interpolation=interpolation)[mirror]
    if labels is None:
        return view, None
    return view, cv2.resize(labels[window], size[::-1], interpolation=cv2.INTER_NEAREST)[mirror]


def stack_images(images: Sequence[np.ndarray]) -> torch.Tensor:
    """uint8 (h, w, 3) images as float32 (B, 3, h, w) in [-1, 1]."""
    return (torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1.0).contiguous()
