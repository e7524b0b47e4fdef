# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How a test set is scored: as officially, or at the images' own size (specification section 17)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from madm_model.datasets.dataset import Dataset
from madm_model.datasets.views import TEST_SIZE, resize_image, resize_labels
from madm_model.evaluation.miou import ConfusionMatrix
from madm_model.io.frames import InputError

Protocol = Literal["official", "native"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)

LabelImage = Callable[[np.ndarray], np.ndarray]
"""uint8 (H, W, 3) to class ids, uint8 (H, W)."""


@dataclass(frozen=True)
class Counted:
    """What was counted on a test set."""

    whole: ConfusionMatrix
    """All images."""
    official_half: ConfusionMatrix
    """The first half of them, which is all that the official command counts: it runs on two GPUs, and only the first
    one's share is gathered (specification section 17.3)."""
    images: int
    """Number of images."""


def count(
    label_image: LabelImage,
    dataset: Dataset,
    indices: Sequence[int],
    protocol: Protocol,
    on_image: Callable[[], object] = lambda: None,
) -> Counted:
    """Label images and compare them with the truth.

    Args:
        label_image: the network.
        dataset: opened with the labels of the network's classes.
        indices: images to score, in the official order.
        protocol: official: image (bilinear) and labels (nearest) are resized to 512x512 before. native: labels are
            compared at the image's own size.
        on_image: called after every image.

    Raises:
        InputError: a file cannot be used, or there is nothing to compare.
    """
    classes = len(dataset.label_set)
    halves = ConfusionMatrix(classes), ConfusionMatrix(classes)
    for position, index in enumerate(indices):
        image, truth = dataset.image(index), dataset.labels(index)
        if protocol == "official":
            image, truth = resize_image(image, TEST_SIZE), resize_labels(truth, TEST_SIZE)
        halves[position >= -(-len(indices) // 2)].add(label_image(image), truth)
        on_image()
    whole = ConfusionMatrix(classes)
    whole.counts += halves[0].counts + halves[1].counts
    if not whole.counts.any():
        raise InputError(f"no pixel of {dataset.name} has a label of the model's classes: {dataset.label_set.names}")
    return Counted(whole, halves[0], len(indices))


def select_images(dataset: Dataset, condition: str = "", names: Path | None = None) -> list[int]:
    """Images of one condition, or those on a list.

    Args:
        dataset: where they are.
        condition: a word in the images' path, such as night in DELIVER's; empty for all.
        names: text file with the images' paths below the data set's folder or their last parts, one a line, with
            what their files' names end in (_leftImg8bit.png) or without; None for all.

    Raises:
        InputError: no image is left, or one on the list is not there or could be several.
    """
    paths = [Path(dataset.file_name(index)) for index in range(len(dataset))]
    chosen = list(range(len(paths)))
    if condition:
        chosen = [index for index in chosen if condition in "/".join(paths[index].parts).replace("_", "/").split("/")]
        if not chosen:
            raise InputError(
                f"no image of {dataset.name} has '{condition}' in its path, such as {paths[0]}: name the images in a "
                "file, one a line, and give it with --list"
            )
    if names is not None:
        lines = [line.strip() for line in names.read_text().splitlines() if line.strip()]
        wanted = set(_listed(lines, paths, names))
        chosen = [index for index in chosen if index in wanted]
        if not chosen:
            raise InputError(f"{names} names no image of {dataset.name} that is to be scored")
    return chosen


def _listed(lines: Sequence[str], paths: Sequence[Path], names: Path) -> Iterator[int]:
    """Which images the lines of a list mean.

    Raises:
        InputError: a line means none, or could mean several.
    """
    called: dict[str, list[int]] = {}
    for index, path in enumerate(paths):
        for name in {path.as_posix(), path.name}:
            called.setdefault(name, []).append(index)
    for line in lines:
        # What the names of files end in is no part of a key: the longest beginning that is one counts
        last = len(line) - len(line.rpartition("/")[2])
        ends = [len(line), *(end for end in range(len(line) - 1, last, -1) if line[end] in "._")]
        found = next((called[line[:end]] for end in ends if line[:end] in called), [])
        if not found:
            raise InputError(f"{names}: there is no image {line}; {paths[0]} is one")
        if len(found) > 1:
            few = f"{paths[found[0]]} and {paths[found[1]]}"
            raise InputError(f"{names}: {line} could be {len(found)} images, such as {few}: write their paths")
        yield found[0]
