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
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch.nn import functional


@dataclass(frozen=True)
class View:
    """A part of an image, as it is seen in training."""

    shape: tuple[int, int]
    """Height and width of the image."""
    rows: slice
    """Rows of the image that are seen."""
    columns: slice
    """Columns that are seen."""
    mirrored: bool
    """Whether left and right change places."""
    size: tuple[int, int]
    """Height and width of the result."""
    magnification: float
    """Pixels of the result a pixel of the image."""

    def of_image(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3) to uint8 (h, w, 3)."""
        part = np.asarray(image[self.rows, self.columns])
        interpolation = cv2.INTER_AREA if self.magnification < 1 else cv2.INTER_LINEAR
        return cv2.resize(part, self.size[::-1], interpolation=interpolation)[:, self._order]

    def of_labels(self, labels: np.ndarray) -> np.ndarray:
        """uint8 (H, W) to uint8 (h, w)."""
        part = labels[self.rows, self.columns]
        return cv2.resize(part, self.size[::-1], interpolation=cv2.INTER_NEAREST)[:, self._order]

    def of_scores(self, scores: torch.Tensor) -> torch.Tensor:
        """The same part of scores (K, H', W') that lie over the image in another resolution: (K, h, w)."""
        (height, width), (rows, columns) = self.shape, (self.rows, self.columns)
        flip = -1.0 if self.mirrored else 1.0
        # From [-1, 1] of the view to [-1, 1] of the image
        across = [flip * (columns.stop - columns.start) / width, 0.0, (columns.start + columns.stop) / width - 1]
        down = [0.0, (rows.stop - rows.start) / height, (rows.start + rows.stop) / height - 1]
        grid = functional.affine_grid(torch.tensor([[across, down]]), [1, 1, *self.size], align_corners=False)
        return functional.grid_sample(scores[None], grid, padding_mode="border", align_corners=False)[0]

    @property
    def _order(self) -> slice:
        return np.s_[:: -1 if self.mirrored else 1]


def draw_view(
    rng: np.random.Generator, shape: tuple[int, int], size: tuple[int, int], scale: tuple[float, float]
) -> View:
    """Choose a randomly placed, scaled and mirrored part of an image.

    Args:
        rng: decides everything.
        shape: height and width of the image.
        size: height and width of the result.
        scale: smallest and largest magnification; more if the image would not fill the result otherwise.
    """
    height, width = shape
    magnification = max(rng.uniform(*scale), size[0] / height, size[1] / width)
    rows, columns = round(size[0] / magnification), round(size[1] / magnification)
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    mirrored = bool(rng.random() < 0.5)
    return View(
        (height, width), slice(top, top + rows), slice(left, left + columns), mirrored, size, float(magnification)
    )


def random_view(
    rng: np.random.Generator,
    image: np.ndarray,
    labels: np.ndarray | None,
    size: tuple[int, int],
    scale: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray | None]:
    """A randomly placed, scaled and mirrored part of an image; see `draw_view`.

    Args:
        rng: decides everything.
        image: uint8 (H, W, 3).
        labels: uint8 (H, W), or None.
        size: height and width of the result.
        scale: smallest and largest magnification.

    Returns:
        uint8 (h, w, 3) and uint8 (h, w) or None.
    """
    view = draw_view(rng, image.shape[:2], size, scale)
    return view.of_image(image), None if labels is None else view.of_labels(labels)


def stack_images(images: Sequence[np.ndarray]) -> torch.Tensor:
    """uint8 (h, w, 3) images as float32 (B, 3, h, w) in [-1, 1]."""
    return (torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 127.5 - 1.0).contiguous()
