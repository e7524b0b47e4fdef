# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What there is to know about a data set before its files are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from madm_model.io.frames import InputError
from madm_model.labels import IGNORE, LabelSet

Size = tuple[int, int]
"""Height and width in pixels."""

Ids = Mapping[int, tuple[str, ...]]
"""What the ids in label files mean: the names of a class, most exact first; none for what has no class."""


@dataclass(frozen=True)
class EventMoment:
    """An image that is not on disk: what an event recording shows at one moment."""

    recording: Path
    """HDF5 file of DSEC."""
    stamp_us: int
    """The moment, in microseconds of the data set's clock."""


Picture = Path | EventMoment


@dataclass(frozen=True)
class SplitFiles:
    """The files of one split, images and labels under the same keys."""

    pictures: Mapping[str, Picture]
    """By key: the image's path below the data set's folder, without its ending."""
    labels: Mapping[str, Path]
    """Those that are there."""
    ids: Ids
    """What their ids mean."""


@dataclass(frozen=True)
class Layout:
    """A data set as it is released and as the paper uses it."""

    name: str
    """As in `open_dataset`."""
    title: str
    """As its authors call it."""
    modality: str
    """Of the images: rgb, depth, thermal or event."""
    label_set: LabelSet
    """Its classes in the paper; the source's own."""
    images: Mapping[str, int]
    """Images of every split in the release."""
    size: Size
    """Of an image in the release."""
    training_size: Size
    """To which training resizes an image."""
    find: Callable[[Path, str], SplitFiles]
    """Lists the files of a split below a folder; InputError where nothing is."""

    def needs_labels(self, split: str) -> bool:
        """Whether the paper reads the labels of a split: of the source, and of what a target is tested on."""
        return split != "train" or self.modality == "rgb"

    def files(self, root: Path, split: str) -> SplitFiles:
        """The files of a split.

        Raises:
            InputError: there is no such split, or the folder does not hold it.
        """
        if split not in self.images:
            raise InputError(f"{self.title} has no split '{split}' here: use {' or '.join(self.images)}")
        if not root.is_dir():
            raise InputError(f"there is no folder {root}: give the one of {self.title} (docs/datasets.md)")
        return self.find(root, split)


KeyT = TypeVar("KeyT", Path, EventMoment)


def in_official_order(found: Mapping[str, KeyT]) -> dict[str, KeyT]:
    """Sorted as the official file lists are: "/" counts as "_".

    The order decides which half of a test set the official evaluation scores (specification section 17.3).
    """
    return dict(sorted(found.items(), key=lambda item: item[0].replace("/", "_")))


def list_files(root: Path, pattern: str, ending: str) -> dict[str, Path]:
    """Files below a folder by their path there, without the ending; no hidden ones (macOS leaves ._NAME in copies).

    Args:
        root: the folder.
        pattern: of paths below it, for `Path.glob`, up to the ending.
        ending: what every name ends in.
    """
    files = (file for file in root.glob(pattern + ending) if not file.name.startswith("."))
    return {file.relative_to(root).as_posix().removesuffix(ending): file for file in files}


def translation(ids: Ids, label_set: LabelSet) -> np.ndarray:
    """A lookup table from a data set's ids to those of a label set.

    A class goes by the first of its names that the label set has.

    Returns:
        uint8 (256,); `IGNORE` for ids without a class there.
    """
    table = np.full(256, IGNORE, np.uint8)
    for number, names in ids.items():
        known = [name for name in names if name in label_set.names]
        if known:
            table[number] = label_set.names.index(known[0])
    return table


def untranslation(ids: Ids, label_set: LabelSet) -> np.ndarray:
    """A lookup table back from the ids of a label set: the data set's id that names a class most exactly.

    Returns:
        uint8 (256,); where the data set lacks the class, its first id that means none.
    """
    nothing = min(number for number, names in ids.items() if not names)
    table = np.full(256, nothing, np.uint8)
    for index, name in enumerate(label_set.names):
        exactness = [(names.index(name), number) for number, names in ids.items() if name in names]
        if exactness:
            table[index] = min(exactness)[1]
    return table
