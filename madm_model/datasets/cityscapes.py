# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Cityscapes, the labelled source.

Cordts et al., "The Cityscapes Dataset for Semantic Urban Scene Understanding", CVPR 2016. Ids as in the data set's own
scripts; specification section 14.
"""

from __future__ import annotations

from pathlib import Path

from madm_model.datasets.layout import Ids, Layout, SplitFiles, list_files
from madm_model.io.frames import InputError
from madm_model.labels import CITYSCAPES_19, CITYSCAPES_TRAIN_IDS

SIZE = (1024, 2048)
IMAGES, IMAGE_ENDING = "leftImg8bit", "_leftImg8bit.png"
LABELS = "gtFine"
TRAIN_IDS_ENDING, IDS_ENDING = "_gtFine_labelTrainIds.png", "_gtFine_labelIds.png"

_OWN_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The labelId of every trainId."""

_NAMES = tuple(zip(CITYSCAPES_19.names, CITYSCAPES_TRAIN_IDS))
"""Of every trainId its own class, and the one it becomes in the targets' classes."""

TRAIN_IDS: Ids = dict(enumerate(_NAMES)) | {255: ()}
OWN_IDS: Ids = {number: () for number in range(34)} | dict(zip(_OWN_IDS, _NAMES))


def _find(root: Path, split: str) -> SplitFiles:
    """leftImg8bit/SPLIT/CITY/*_leftImg8bit.png; labelTrainIds, or labelIds where there are more of these."""
    pictures = list_files(root, f"{IMAGES}/{split}/*/*", IMAGE_ENDING)
    if not pictures:
        raise InputError(
            f"{root} does not hold Cityscapes ({split}): there is no {IMAGES}/{split}/CITY/*{IMAGE_ENDING}"
        )
    labels, ids = list_files(root, f"{LABELS}/{split}/*/*", TRAIN_IDS_ENDING), TRAIN_IDS
    if len(labels) < len(pictures):  # not made, or not to the end: the release has labelIds alone
        own = list_files(root, f"{LABELS}/{split}/*/*", IDS_ENDING)
        labels, ids = (own, OWN_IDS) if len(own) > len(labels) else (labels, ids)
    return SplitFiles(pictures, {IMAGES + key.removeprefix(LABELS): file for key, file in labels.items()}, ids)


CITYSCAPES = Layout(
    name="cityscapes",
    title="Cityscapes",
    modality="rgb",
    label_set=CITYSCAPES_19,
    images={"train": 2975, "val": 500},
    size=SIZE,
    training_size=(512, 1024),
    find=_find,
)
