# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One door to the data sets of the paper, and what they have in common.

Source: specification section 14.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from madm_model.datasets.cityscapes import CITYSCAPES
from madm_model.datasets.deliver import DELIVER
from madm_model.datasets.dsec import DSEC
from madm_model.datasets.files import FileDataset
from madm_model.datasets.fmb import FMB
from madm_model.datasets.layout import Layout
from madm_model.io.frames import InputError
from madm_model.labels import LabelSet

LAYOUTS: dict[str, Layout] = {layout.name: layout for layout in (CITYSCAPES, DELIVER, FMB, DSEC)}
DATASETS = tuple(LAYOUTS)
"""Names of the data sets."""


class Dataset(Protocol):
    """Images of one split of a data set, by index, in the order of the official file lists."""

    name: str
    """cityscapes, deliver, fmb or dsec."""
    modality: str
    """Of the images: rgb, depth, thermal or event."""
    label_set: LabelSet
    """The classes whose ids `labels` gives."""
    training_size: tuple[int, int]
    """Height and width to which training resizes an image before it crops (`views.CROP_SIZE`)."""

    def __len__(self) -> int:
        """Number of images."""

    def file_name(self, index: int) -> str:
        """Path of an image below the data set's folder, without its ending: a name for what is made of it."""

    def image(self, index: int) -> np.ndarray:
        """Network image at its own size, uint8 (H, W, 3); FrameError if its file cannot be used."""

    def labels(self, index: int) -> np.ndarray:
        """Class ids of `label_set`, or 255, of the image's size: uint8 (H, W).

        Raises:
            FrameError: the file cannot be used.
            InputError: the data set was opened without labels.
        """


def open_dataset(
    name: str, root: str | Path, split: str, label_set: LabelSet | None = None, labelled: bool = True
) -> Dataset:
    """Open a split of a data set. Only folders are listed; `check.check_dataset` looks at the files.

    Args:
        name: one of `DATASETS`.
        root: the data set's folder, see docs/datasets.md.
        split: train, val or test, where the data set has it.
        label_set: classes to translate the labels to; None for those it has by itself: Cityscapes its 19, the targets
            the paper's (`STREET_11`, `STREET_9`).
        labelled: False for a target whose labels are not read: they need not be there.

    Raises:
        InputError: there is no such data set or split, the folder does not hold it, or images lack their labels.
    """
    layout = find_layout(name)
    label_set = layout.label_set if label_set is None else label_set
    return FileDataset(layout, Path(root), split, label_set, labelled)


def find_layout(name: str) -> Layout:
    """The layout of a data set.

    Raises:
        InputError: there is no data set of that name.
    """
    if name not in LAYOUTS:
        raise InputError(f"there is no data set '{name}': use {', '.join(DATASETS)}")
    return LAYOUTS[name]
