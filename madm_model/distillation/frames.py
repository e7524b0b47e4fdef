# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Where a distillation's frames come from: recordings, a data set or the simulator.

Whatever they come from, target frames end on disk as network images, as those of an adaptation do, and the labelled
source is read by index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from madm_model.adaptation.data.limited_reading import read_recordings
from madm_model.adaptation.data.source_frames import SourceFrames, SourceLabels, open_source
from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.adaptation.data.target_frames import FRAMES_FILE, META_FILE, FrameCollector, TargetFrames, TargetLimits
from madm_model.datasets import DATASETS, Dataset, open_dataset
from madm_model.datasets.pixel_counts import pixel_counts
from madm_model.io.frames import InputError
from madm_model.labels import LabelSet
from madm_model.model_config import ModelConfig
from madm_model.training.config import FramePoolConfig

TARGET_STREETS = FramePoolConfig(6_000_000, 100, 3)
"""Streets of a simulated target: others than those of a simulated source."""

OnFrame = Callable[[int, int], None]


class Target(Protocol):
    """Unlabelled frames of one sensor."""

    modality: str
    """Of the frames."""

    def collect(self, config: ModelConfig, limits: TargetLimits, folder: Path, on_frame: OnFrame) -> TargetFrames:
        """Bring the frames to the disk; a folder that an earlier call completed is used as it is.

        Args:
            config: of the network whose live size decides how large frames are kept.
            limits: how many frames are kept.
            folder: gets them.
            on_frame: called after every frame with the numbers read and kept so far; may raise to stop.

        Raises:
            InputError: a frame or recording cannot be used, or too few remain.
            OSError: the disk is full.
        """


@dataclass(frozen=True)
class RecordedTarget:
    """Recordings, read as an adaptation job reads them."""

    selection: TargetSelection
    """Which frames of which recordings."""
    preprocessing: Mapping[str, Any]
    """Settings of the modality, as of the running node."""

    @property
    def modality(self) -> str:
        """Of the frames."""
        return self.selection.modality

    def collect(self, config: ModelConfig, limits: TargetLimits, folder: Path, on_frame: OnFrame) -> TargetFrames:
        """See `Target.collect`."""
        return read_recordings(self.selection, self.preprocessing, config, limits, folder, on_frame)


@dataclass(frozen=True)
class SimulatedTarget:
    """Frames of `TARGET_STREETS`."""

    modality: str
    """thermal, depth, event or rgb."""

    def collect(self, config: ModelConfig, limits: TargetLimits, folder: Path, on_frame: OnFrame) -> TargetFrames:
        """See `Target.collect`."""
        return collect_images(self._images(), config, limits, folder, on_frame)

    def _images(self) -> Iterable[np.ndarray]:
        from madm_model.training.frame_pool import network_frames  # brings the simulator

        streets = TARGET_STREETS
        config = FramePoolConfig(
            *(streets.first_seed, streets.streets, streets.frames_per_street, streets.width, streets.height),
            modalities=(self.modality,),
        )
        for seed in range(config.first_seed, config.first_seed + config.streets):
            yield from (frame[self.modality] for frame in network_frames(config, seed))


@dataclass(frozen=True)
class DatasetTarget:
    """The training images of a data set, without their labels."""

    dataset: Dataset
    """Its training split."""

    @property
    def modality(self) -> str:
        """Of the frames."""
        return self.dataset.modality

    def __repr__(self) -> str:
        return f"{self.dataset.name}, {len(self.dataset)} images from {self.dataset.file_name(0)} on"

    def collect(self, config: ModelConfig, limits: TargetLimits, folder: Path, on_frame: OnFrame) -> TargetFrames:
        """See `Target.collect`."""
        images = map(self.dataset.image, range(len(self.dataset)))
        return collect_images(images, config, limits, folder, on_frame)


def find_dataset(text: str, label_set: LabelSet | None = None) -> Dataset | None:
    """The training split of what is written DATASET:ROOT; None for any other text.

    Args:
        text: as on the command line.
        label_set: classes to translate its labels to; None: they are not read.

    Raises:
        InputError: the folder does not hold it.
    """
    name, colon, root = text.partition(":")
    if not colon or name not in DATASETS:
        return None
    return open_dataset(name, Path(root).expanduser().absolute(), "train", label_set, labelled=label_set is not None)


def collect_images(
    images: Iterable[np.ndarray], config: ModelConfig, limits: TargetLimits, folder: Path, on_frame: OnFrame
) -> TargetFrames:
    """Bring network images, uint8 (H, W, 3), to the disk as if they were one recording; see `Target.collect`."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / META_FILE).exists():
        with (folder / FRAMES_FILE).open("w+b") as file:
            collector = FrameCollector(file, config, limits)
            collector.begin_bag()
            for image in images:
                collector.add(image)
                on_frame(collector.read, collector.count)
            collector.complete(folder, "give more, or set the option min_frames", {"notes": []})
    return TargetFrames(folder)


class DatasetSource:
    """`SourceFrames` of a data set."""

    def __init__(self, dataset: Dataset, folder: Path, on_frame: OnFrame) -> None:
        """Count the pixels of every class, or find them counted.

        Raises:
            InputError: a label file cannot be used, or the images are not RGB.
        """
        if dataset.modality != "rgb":
            raise InputError(f"the labelled source has to be RGB, and {dataset.name} is {dataset.modality}")
        self._dataset = dataset
        done = 0

        def count(images: int) -> None:
            nonlocal done
            done += images
            on_frame(done, len(dataset))

        self.pixel_counts = pixel_counts(dataset, folder, count)

    def frame(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read one image with its labels; FrameError if it cannot be used."""
        return self._dataset.image(index), self._dataset.labels(index)


def prepare_source(
    source: str, label_set: LabelSet, folder: Path, on_frame: OnFrame, ids: SourceLabels = "model"
) -> SourceFrames:
    """Open or prepare a labelled source: DATASET:ROOT, or what `open_source` takes."""
    if dataset := find_dataset(source, label_set):
        return DatasetSource(dataset, folder, on_frame)
    return open_source(source, label_set, folder, on_frame, ids)
