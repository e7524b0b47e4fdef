# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a training reads: labelled source batches and unlabelled target batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch

from madm_model.adaptation.data.rare_class_sampling import RareClassConfig, RareClassSampler
from madm_model.labels import count_pixels
from madm_model.training.appearance import AppearanceConfig, with_random_appearance
from madm_model.training.frame_pool import FramePool


class LabelledBatch(NamedTuple):
    """Images with their labels."""

    images: torch.Tensor
    """float32 (B, 3, H, W) in [-1, 1], H and W multiples of the architecture's `size_multiple`."""
    labels: torch.Tensor
    """int64 (B, H, W), class ids or 255."""
    of_target: int | None = None
    """How many of the images, the first ones, are labelled target frames; None where there never are any."""


class TargetBatch(NamedTuple):
    """Target images with the labels of a second teacher."""

    images: torch.Tensor
    """float32 (B, 3, H, W) in [-1, 1]."""
    paired_labels: torch.Tensor
    """int64 (B, H, W), class ids, 255 where it says nothing."""
    paired_weight: torch.Tensor
    """float32 (B, H, W), how far each is trusted, 0 to 1."""
    stays: torch.Tensor
    """bool (B, K): the first teacher's pixels of which class it does not change."""


class AdaptationData(Protocol):
    """A source and a target; both give batches of the same shape. The generator decides everything.

    Source and target have generators of their own, so that the source's batches do not depend on the target.
    """

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        """A labelled batch, on the CPU."""

    def target(self, rng: np.random.Generator) -> torch.Tensor | TargetBatch:
        """Target images, float32 (B, 3, H, W) in [-1, 1], on the CPU, or such with what a second teacher says about
        them. Called for self-training, norm statistics and the pseudo-labels' prior alone."""

    def class_shares(self) -> np.ndarray:
        """Share of the source's pixels that each class has, float (K,). Called for logit adjustment alone."""


def images_of(target: torch.Tensor | TargetBatch | None, device: torch.device) -> torch.Tensor | None:
    """The images of a target batch, on a device; None stays None."""
    images = target.images if isinstance(target, TargetBatch) else target
    return images.to(device, non_blocking=True) if images is not None else None


def target_images(
    data: AdaptationData, rng: np.random.Generator, count: int, device: torch.device
) -> Iterator[torch.Tensor]:
    """Images (B, 3, H, W) of `count` target batches on a device, each prepared when it is asked for."""
    return (images_of(data.target(rng), device) for _ in range(count))


class FramePoolData:
    """Simulated frames: labelled RGB as the source, another modality as the target."""

    def __init__(
        self,
        source: FramePool,
        target: FramePool,
        target_modality: str,
        num_classes: int,
        batch_size: int = 1,
        crop: tuple[int, int] = (128, 256),
        scale: tuple[float, float] = (0.8, 1.6),
        rare_classes: RareClassConfig | None = None,
        appearance: AppearanceConfig | None = None,
    ) -> None:
        """Name the pools.

        Args:
            source: pool of the labelled RGB frames.
            target: pool of the target frames; its labels are never read.
            target_modality: thermal, depth or event (rgb works, for comparison).
            num_classes: number of classes K of the labels.
            batch_size: images per batch B.
            crop: height and width of a crop in pixels.
            scale: smallest and largest magnification of a frame before the crop.
            rare_classes: Rare Class Sampling of the source; None draws frames uniformly.
            appearance: random appearance of the source; None shows it as it is.
        """
        self._source, self._target, self._modality = source, target, target_modality
        self._batch_size, self._crop, self._scale, self._appearance = batch_size, crop, scale, appearance
        self._num_classes = num_classes
        self._sampler = RareClassSampler(self._counts(), rare_classes) if rare_classes is not None else None

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        """RGB crops and their labels."""
        crops = [self._source_crop(rng) for _ in range(self._batch_size)]
        return LabelledBatch(*FramePool.batch(with_random_appearance(rng, crops, self._appearance)))

    def target(self, rng: np.random.Generator) -> torch.Tensor:
        """Crops of the target modality."""
        return self._target.crops(rng, self._modality, self._batch_size, self._crop, self._scale)[0]

    def class_shares(self) -> np.ndarray:
        """Share of the source's pixels that each class has, float (K,)."""
        counts = self._counts().sum(axis=0)
        return counts / max(counts.sum(), 1)

    def _counts(self) -> np.ndarray:
        return np.stack([count_pixels(np.asarray(labels), self._num_classes) for labels in self._source.labels])

    def _source_crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if self._sampler is None:
            return self._source.crop(rng, "rgb", int(rng.integers(len(self._source))), self._crop, self._scale)
        class_id, index = self._sampler.draw(rng)
        return self._sampler.crop(class_id, lambda: self._source.crop(rng, "rgb", index, self._crop, self._scale))
