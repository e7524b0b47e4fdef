# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Pictures in memory for measuring a training: as large and as much work to read as those of the paper's data sets."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image

from madm_model.dataset_training.data import DatasetData
from madm_model.datasets.cityscapes import CITYSCAPES
from madm_model.datasets.dataset import find_layout
from madm_model.labels import LabelSet

_KINDS = 4
"""Different pictures; reading one again costs the same as reading another."""
_BLOCK = 32
"""Side of a block of one class, pixels."""


class CodedPictures:
    """A `Dataset` of PNG files in memory, random blocks with noise, of a data set's size and classes."""

    def __init__(self, name: str, length: int = 100) -> None:
        """Draw and code the pictures.

        Args:
            name: cityscapes, deliver, fmb or dsec.
            length: how many images it says it has.
        """
        layout = find_layout(name)
        self.name, self.modality, self.label_set = layout.name, layout.modality, layout.label_set
        self.training_size, self._length = layout.training_size, length
        rng = np.random.default_rng(len(name))
        height, width = layout.size
        self.pixel_counts = np.zeros((length, len(self.label_set)), np.int64)
        self._coded: list[tuple[bytes, bytes]] = []
        for kind in range(_KINDS):
            blocks = rng.integers(0, len(self.label_set), (-(-height // _BLOCK), -(-width // _BLOCK)), np.uint8)
            labels = blocks.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)[:height, :width]
            grain = rng.integers(0, 16, (height, width, 3 if self.modality == "rgb" else 1), np.uint8)
            image = labels[..., None] * np.uint8(8) + grain
            self._coded.append((_png(image), _png(labels)))
            self.pixel_counts[kind::_KINDS] = np.bincount(labels.ravel(), minlength=len(self.label_set))

    def __len__(self) -> int:
        return self._length

    def file_name(self, index: int) -> str:
        """See `Dataset.file_name`."""
        return f"{index:06d}"

    def image(self, index: int) -> np.ndarray:
        """See `Dataset.image`."""
        image = _pixels(self._coded[index % _KINDS][0])
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)

    def labels(self, index: int) -> np.ndarray:
        """See `Dataset.labels`."""
        return _pixels(self._coded[index % _KINDS][1])


def coded_data(target: str, label_set: LabelSet, crop: tuple[int, int], batch_size: int) -> DatasetData:
    """Batches of Cityscapes and a target, decoded, resized, sampled and cropped as in a training on the real ones."""
    source = _pictures(CITYSCAPES.name)
    return DatasetData(source, source.pixel_counts, _pictures(target), label_set, crop, batch_size)


_pictures = functools.cache(CodedPictures)


def _png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, "PNG")
    return file.getvalue()


def _pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))
