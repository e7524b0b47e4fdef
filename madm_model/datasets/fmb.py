# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""FMB, of which the infrared images are a target.

Liu et al., "Multi-interactive Feature Learning and a Full-time Multi-modality Benchmark for Image Fusion and
Segmentation", ICCV 2023; specification section 14.
"""

from __future__ import annotations

from pathlib import Path

from madm_model.datasets.layout import Ids, Layout, SplitFiles, list_files
from madm_model.io.frames import InputError
from madm_model.labels import STREET_9

SIZE = (600, 800)
IMAGES, LABELS, ENDING = "Infrared", "Label", ".png"

_NAMES = (
    *("road", "sidewalk", "building", "traffic_sign", "traffic_sign", "vegetation", "sky", "person"),
    *(*("vehicle",) * 5, "pole"),
)
"""Classes from the file's id 1 on: lights are signs, cars, trucks, buses and two-wheelers vehicles."""

IDS: Ids = {0: (), 255: ()} | {number: (name,) for number, name in enumerate(_NAMES, 1)}


def _find(root: Path, split: str) -> SplitFiles:
    """SPLIT/Infrared/*.png and SPLIT/Label/*.png."""
    pictures = list_files(root, f"{split}/{IMAGES}/*", ENDING)
    if not pictures:
        raise InputError(f"{root} does not hold FMB ({split}): there is no {split}/{IMAGES}/*{ENDING}")
    labels = list_files(root, f"{split}/{LABELS}/*", ENDING)
    return SplitFiles(pictures, {key.replace(f"/{LABELS}/", f"/{IMAGES}/"): file for key, file in labels.items()}, IDS)


FMB = Layout(
    name="fmb",
    title="FMB",
    modality="thermal",
    label_set=STREET_9,
    images={"train": 1220, "test": 280},
    size=SIZE,
    training_size=(512, 683),
    find=_find,
)
