# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A few labelled frames of the target's sensor: what the gate decides by first, and what training may learn from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from madm_model.adaptation.data.source_frames import FolderSource, SourceLabels
from madm_model.io.allowed import Roots
from madm_model.io.frames import RawFrame
from madm_model.labels import LabelSet
from madm_model.modalities import make_preprocessor


def open_labelled_target(
    path: Path,
    modality: str,
    preprocessing: Mapping[str, Any],
    label_set: LabelSet,
    folder: Path,
    ids: SourceLabels = "model",
    roots: Roots = None,
) -> FolderSource:
    """Open a folder of images/ (as the sensor gives them) and labels/ (PNG of class ids, 255 for none).

    Args:
        path: the folder.
        modality: of the sensor.
        preprocessing: its settings, as of the segmentation node. Frames are of any time and place: each is prepared as
            if it were the first, without the gain of the ones before.
        label_set: the model's classes.
        folder: keeps what is counted.
        ids: in the labels.
        roots: folders that the files have to lie in.

    Returns:
        `SourceFrames` whose images are network images of the sensor.

    Raises:
        InputError: the folder does not hold what it should.
    """

    def to_image(frame: RawFrame) -> np.ndarray:
        return make_preprocessor(modality, preprocessing)(frame)

    return FolderSource(path, label_set, folder, ids=ids, roots=roots, to_image=to_image)
