# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A few labelled frames of the target's sensor: what training learns from, and others that the gate decides by first.

No frame serves both. Of a drive, neighbouring frames show the same street: the last third in the order of names is the
gate's, not every third one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from madm_model.adaptation.data.source_frames import FolderSource, SourceFrames, SourceLabels
from madm_model.io import durable
from madm_model.io.allowed import Roots
from madm_model.io.frames import InputError, RawFrame
from madm_model.labels import LabelSet
from madm_model.modalities import make_preprocessor

FEWEST = 6
"""Fewer labelled frames than this are all the gate's: trained on two or three a network knows them by heart, and so few
could not tell."""
_FOR_THE_GATE = 3
"""The gate has a third of the frames, and at least so many."""


class SomeFrames:
    """`SourceFrames` of a part of others."""

    def __init__(self, frames: SourceFrames, indices: range) -> None:
        self._frames, self._indices = frames, indices
        self.pixel_counts = frames.pixel_counts[indices.start : indices.stop]

    def frame(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One frame of the part."""
        return self._frames.frame(self._indices[index])


@dataclass(frozen=True)
class LabelledTarget:
    """Labelled target frames, each for one purpose."""

    training: SourceFrames | None
    """To train on; None where there are too few."""
    held_out: SourceFrames
    """For the gate."""

    def __str__(self) -> str:
        gate = len(self.held_out.pixel_counts)
        trained = 0 if self.training is None else len(self.training.pixel_counts)
        return f"{trained + gate}, {trained} of them trained on, {gate} for the gate"


def split_labelled(frames: SourceFrames, to_train: bool = True) -> LabelledTarget:
    """Say which labelled frames are trained on, and which the gate looks at.

    Args:
        frames: in the order of names.
        to_train: False: the gate has all of them.
    """
    count = len(frames.pixel_counts)
    trained = count - max(_FOR_THE_GATE, math.ceil(count / 3)) if to_train and count >= FEWEST else 0
    training = SomeFrames(frames, range(trained)) if trained else None
    return LabelledTarget(training, SomeFrames(frames, range(trained, count)))


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
        `SourceFrames` in the order of names, whose images are network images of the sensor.

    Raises:
        InputError: the folder does not hold what it should, a frame without any class among it; or it holds other
            frames than when it was opened first.
    """

    def to_image(frame: RawFrame) -> np.ndarray:
        return make_preprocessor(modality, preprocessing)(frame)

    frames = FolderSource(path, label_set, folder, ids=ids, roots=roots, to_image=to_image)
    if empty := [name for name, counts in zip(frames.names, frames.pixel_counts) if not counts.any()]:
        raise InputError(f"the labels of {path / 'images' / empty[0]} name no class of the model: leave the frame out")
    first = folder / "names.json"  # a job that is resumed must not judge by what it has trained on
    if not first.exists():
        durable.write_json(first, frames.names)
    elif json.loads(first.read_text()) != frames.names:
        raise InputError(f"{path} holds other frames than when the job began: put those back, or start a new job")
    return frames
