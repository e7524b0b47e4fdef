# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Batches of two data sets: Rare Class Sampling of the source, crops of both (specification sections 14 and 15)."""

from __future__ import annotations

import numpy as np
import torch

from madm_model.adaptation.data.batches import LabelledBatch
from madm_model.adaptation.data.rare_class_sampling import RareClassConfig, RareClassSampler
from madm_model.datasets.cityscapes import CITYSCAPES, TRAIN_IDS
from madm_model.datasets.dataset import Dataset
from madm_model.datasets.layout import translation
from madm_model.datasets.views import random_crop, resize_image, resize_labels
from madm_model.io.frames import InputError
from madm_model.labels import LabelSet
from madm_model.training.views import stack_images


class DatasetData:
    """`AdaptationData` of a labelled data set and one whose labels are not read."""

    def __init__(
        self,
        source: Dataset,
        pixel_counts: np.ndarray,
        target: Dataset,
        label_set: LabelSet,
        crop: tuple[int, int],
        batch_size: int,
        source_size: tuple[int, int] | None = None,
        target_size: tuple[int, int] | None = None,
        target_share: float = 1.0,
        seed: int = 0,
    ) -> None:
        """Prepare the sampling.

        Args:
            source: opened with its own classes, which are what is sampled by.
            pixel_counts: int64 (N, C) of the source, from `datasets.pixel_counts`.
            target: its labels are never read.
            label_set: classes of the network.
            crop: height and width of a crop.
            batch_size: images of one pass.
            source_size: height and width to which a source image is resized before; None: the official ones.
            target_size: likewise of the target.
            target_share: of the target's images, drawn by the seed.
            seed: of that choice.

        Raises:
            InputError: a crop is larger than the images, or the source has none of the classes.
        """
        self._source, self._target, self._crop, self._batch_size = source, target, crop, batch_size
        self._source_size, self._target_size = source_size or source.training_size, target_size or target.training_size
        for dataset, size in ((source, self._source_size), (target, self._target_size)):
            if crop[0] > size[0] or crop[1] > size[1]:
                raise InputError(f"a crop of {crop} is larger than {dataset.name}'s images, resized to {size}")
        self._table, self._num_classes = class_table(source, label_set), len(label_set)
        if not (self._table < len(label_set)).any():
            raise InputError(f"{source.name} has none of the model's classes: {', '.join(label_set.names)}")
        self._sampler = RareClassSampler(pixel_counts, RareClassConfig(), image_pixels=source.labels(0).size)
        self._pixel_counts = pixel_counts.sum(axis=0)  # (C,)
        count = max(1, round(target_share * len(target)))
        drawn = np.random.default_rng(seed).permutation(len(target))[:count]
        self.target_indices = np.sort(drawn) if count < len(target) else np.arange(len(target))

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        """Crops of images with rare classes, and their labels in the network's classes."""
        images, labels = zip(*(self._source_crop(rng) for _ in range(self._batch_size)))
        return LabelledBatch(stack_images(images), torch.from_numpy(self._table[np.stack(labels)]).long())

    def target(self, rng: np.random.Generator) -> torch.Tensor:
        """Crops of images drawn uniformly."""
        indices = rng.choice(self.target_indices, self._batch_size)
        images = (resize_image(self._target.image(int(index)), self._target_size) for index in indices)
        return stack_images([random_crop(rng, image, None, self._crop)[0] for image in images])

    def class_shares(self) -> np.ndarray:
        """Share of the source's pixels that each class of the network has, float (K,)."""
        counts = np.zeros(self._num_classes)
        for number, count in enumerate(self._pixel_counts):
            if (index := self._table[number]) < self._num_classes:
                counts[index] += count
        return counts / max(counts.sum(), 1)

    def _source_crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        class_id, index = self._sampler.draw(rng)
        image = resize_image(self._source.image(index), self._source_size)
        labels = resize_labels(self._source.labels(index), self._source_size)

        def draw() -> tuple[np.ndarray, np.ndarray]:
            view, cut = random_crop(rng, image, labels, self._crop)
            assert cut is not None
            return view, cut

        return self._sampler.crop(class_id, draw)


def class_table(source: Dataset, label_set: LabelSet) -> np.ndarray:
    """A lookup table from a data set's own classes to others, by their names: uint8 (256,), 255 for none."""
    if source.name == CITYSCAPES.name:
        return translation(TRAIN_IDS, label_set)  # knows what each of its classes becomes
    return translation({number: (name,) for number, name in enumerate(source.label_set.names)}, label_set)
