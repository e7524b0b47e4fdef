# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A split of a data set, read from its files when they are asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from madm_model.datasets.edge_moments import edge_frame
from madm_model.datasets.layout import EventMoment, Layout, Picture, in_official_order, translation
from madm_model.io.frames import FrameError, InputError
from madm_model.io.limits import check_size
from madm_model.labels import LabelSet
from madm_model.modalities.rgb import grey_to_network


class FileDataset:
    """A split of a data set; see `dataset.Dataset`."""

    def __init__(self, layout: Layout, root: Path, split: str, label_set: LabelSet, labelled: bool) -> None:
        """List the split's files; see `dataset.open_dataset`.

        Raises:
            InputError: there is no such split, the folder does not hold it, or images lack their labels.
        """
        self.name, self.modality, self.training_size = layout.name, layout.modality, layout.training_size
        self.label_set = label_set
        found = layout.files(root, split)
        self._pictures = list(in_official_order(found.pictures).items())
        self._labels = [found.labels.get(key) for key, _picture in self._pictures] if labelled else None
        self.translation = translation(found.ids, label_set)
        if self._labels is not None and None in self._labels:
            first = self._pictures[self._labels.index(None)][0]
            raise InputError(
                f"{self._labels.count(None)} of {len(self)} {split} images of {layout.title} in {root} have no "
                f"labels, {first} for one: `madm data check {layout.name} {root}` lists what is missing"
            )

    def __len__(self) -> int:
        return len(self._pictures)

    def file_name(self, index: int) -> str:
        """See `Dataset.file_name`."""
        return self._pictures[index][0]

    def image(self, index: int) -> np.ndarray:
        """See `Dataset.image`."""
        return read_picture(self._pictures[index][1])

    def labels(self, index: int) -> np.ndarray:
        """See `Dataset.labels`."""
        return self.translation[read_ids(self.label_file(index))]

    def label_file(self, index: int) -> Path:
        """The file behind `labels`."""
        file = self._labels[index] if self._labels is not None else None
        if file is None:
            raise InputError(f"the data set {self.name} was opened without labels")
        return file


def read_picture(picture: Picture) -> np.ndarray:
    """An image as officially: the first three of its channels, or one channel three times; uint8 (H, W, 3).

    Source: specification section 14.

    Raises:
        FrameError: the file cannot be read, or its values are not of 8 bits.
    """
    if isinstance(picture, EventMoment):
        return grey_to_network(edge_frame(picture))
    array = _read_pixels(picture)
    return grey_to_network(array) if array.ndim == 2 else np.ascontiguousarray(array[..., :3])


def read_ids(path: Path) -> np.ndarray:
    """The ids of a label file, uint8 (H, W): its only channel or, as in DELIVER, the first.

    Raises:
        FrameError: the file cannot be read, or its values are not of 8 bits.
    """
    array = _read_pixels(path)
    return array if array.ndim == 2 else array[..., 0]


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width of an image file from its header.

    Raises:
        FrameError: it is no image, or holds other values than of 8 bits.
    """
    with _opened(path) as image:
        return image.height, image.width


def _read_pixels(path: Path) -> np.ndarray:
    """What Pillow gives, as official code reads it: of palette images the indices. uint8 (H, W) or (H, W, C)."""
    with _opened(path) as image:
        try:
            array = np.asarray(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise FrameError(f"{path} is damaged ({error}): copy it again") from None
    return array[..., 0] if array.ndim == 3 and array.shape[2] < 3 else array  # grey with transparency


def _opened(path: Path) -> Image.Image:
    try:
        image = Image.open(path)
    except FileNotFoundError:
        raise FrameError(f"{path} does not exist") from None
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FrameError(f"{path} cannot be read as an image ({error}): copy it again") from None
    if image.mode not in ("L", "LA", "P", "PA", "RGB", "RGBA"):
        image.close()
        raise FrameError(f"{path} has pixels of kind '{image.mode}': this data set has 8 bits a channel")
    check_size(str(path), image.width, image.height)
    return image
