# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""DELIVER, of which the depth images are a target.

Zhang et al., "Delivering Arbitrary-Modal Semantic Segmentation", CVPR 2023; specification section 14.
"""

from __future__ import annotations

from pathlib import Path

from madm_model.datasets.layout import Ids, Layout, SplitFiles, list_files
from madm_model.io.frames import InputError
from madm_model.labels import STREET_11

SIZE = (1024, 1024)
WEATHERS = ("cloud", "fog", "night", "rain", "sun")
IMAGES, IMAGE_ENDING = "depth", "_depth_front.png"
LABELS, LABEL_ENDING = "semantic", "_semantic_front.png"

_NAMES = (
    *("building", "fence", "", "person", "pole", "road", "road", "sidewalk", "vegetation", "vehicle", "wall"),
    *("traffic_sign", "sky", "", "", "", "", "traffic_sign", "", "", "", "vegetation", *("vehicle",) * 3),
)
"""Classes from the file's id 1 on: other, ground, bridge, rail, guard rail, static, dynamic and water have none."""

IDS: Ids = {0: (), 255: ()} | {number: (name,) if name else () for number, name in enumerate(_NAMES, 1)}


def _find(root: Path, split: str) -> SplitFiles:
    """depth/WEATHER/SPLIT/MAP/*_depth_front.png and semantic/WEATHER/SPLIT/MAP/*_semantic_front.png."""
    pictures = list_files(root, f"{IMAGES}/*/{split}/*/*", IMAGE_ENDING)
    if not pictures:
        raise InputError(
            f"{root} does not hold DELIVER ({split}): there is no {IMAGES}/WEATHER/{split}/MAP/*{IMAGE_ENDING}"
        )
    labels = list_files(root, f"{LABELS}/*/{split}/*/*", LABEL_ENDING)
    return SplitFiles(pictures, {IMAGES + key.removeprefix(LABELS): file for key, file in labels.items()}, IDS)


DELIVER = Layout(
    name="deliver",
    title="DELIVER",
    modality="depth",
    label_set=STREET_11,
    images={"train": 3983, "val": 2005, "test": 1897},
    size=SIZE,
    training_size=(712, 712),
    find=_find,
)
