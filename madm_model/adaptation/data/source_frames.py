# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The labelled RGB source of a training: a folder of images, or the simulator's streets.

Nothing is held in memory: a folder's images are read when they are drawn, simulated ones lie memory-mapped on disk.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np

from madm_model.adaptation.data.sensor_source import SensorSource
from madm_model.adaptation.data.source_shares import REPLAY, SENSOR, SIMULATOR
from madm_model.io import durable
from madm_model.io.allowed import Roots
from madm_model.io.frames import FrameError, InputError, RawFrame
from madm_model.io.sources import IMAGE_SUFFIXES, read_image
from madm_model.labels import CITYSCAPES_TRAIN_IDS, IGNORE, STREET_11, LabelSet, count_pixels, translation_table
from madm_model.modalities.rgb import rgb_image
from madm_model.training.config import FramePoolConfig

SIMULATED_STREETS = {
    SIMULATOR: FramePoolConfig(3_000_000, 100, 3),
    REPLAY: FramePoolConfig(3_000_000, 20, 3),
    SENSOR: FramePoolConfig(3_000_200, 60, 3, close_share=0.25),
}
"""Streets that are rendered for a source. The replay set travels with the model as these seeds: it is rendered when a
job first needs it (60 frames; measured 0.18 s a frame on one busy core, so 11 s) and stays on disk (18 MB)."""


SourceLabels = Literal["model", "cityscapes"]
"""Ids in a source's label images: the model's own, or Cityscapes' trainIds."""


class SourceFrames(Protocol):
    """Labelled images, by index."""

    pixel_counts: np.ndarray
    """int64 (N, K), pixels of every class in every image."""

    def frame(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Image uint8 (H, W, 3) and labels uint8 (H, W), class ids or 255."""


def open_source(
    source: str,
    label_set: LabelSet,
    folder: Path,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
    ids: SourceLabels = "model",
    roots: Roots = None,
    modality: str = "thermal",
) -> SourceFrames:
    """Open or prepare a source.

    Args:
        source: a folder with images/ and labels/, "sim", "sim-sensor", or empty for the replay set.
        label_set: the model's classes.
        folder: keeps what is rendered or counted; one that an earlier call completed is used as it is.
        on_frame: called with the number of frames done and in all; may raise to stop.
        ids: in the folder's labels; the simulator's are known.
        roots: folders that the source's files have to lie in.
        modality: the target's, which "sim-sensor" shows.

    Raises:
        InputError: the folder does not hold what it should, or the simulator has none of the classes.
    """
    if source == SENSOR and modality != "rgb":
        return SensorSource(SIMULATED_STREETS[SENSOR], modality, label_set, folder / modality, on_frame)
    if source in SIMULATED_STREETS:
        return SimulatedSource(SIMULATED_STREETS[source], label_set, folder, on_frame)
    return FolderSource(Path(source), label_set, folder, on_frame, ids, roots)


@dataclass(frozen=True)
class _Pair:
    image: Path
    labels: Path


def labelled_files(path: Path) -> list[_Pair]:
    """Images with their labels, by file stem, in the order of names.

    Raises:
        InputError: a folder is missing, or no image has labels.
    """
    if not (path / "images").is_dir() or not (path / "labels").is_dir():
        raise InputError(f"{path} is no labelled folder: it needs the folders images/ and labels/")
    labels = {file.stem: file for file in (path / "labels").iterdir() if file.suffix.lower() == ".png"}
    images = sorted(file for file in (path / "images").iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    pairs = [_Pair(file, labels[file.stem]) for file in images if file.stem in labels]
    if len(pairs) < 2:
        raise InputError(
            f"{path} has {len(images)} images and {len(labels)} label PNGs, but {len(pairs)} pairs of one name"
        )
    return pairs


class FolderSource:
    """images/NAME.* (RGB, unless another sensor's are read) and labels/NAME.png (one channel of class ids, 255 for
    none).

    Attributes:
        pixel_counts: int64 (N, K), pixels of every class in every image.
        names: of the images' files, in their order.
    """

    def __init__(
        self,
        path: Path,
        label_set: LabelSet,
        folder: Path,
        on_frame: Callable[[int, int], None] = lambda *_: None,
        ids: SourceLabels = "model",
        roots: Roots = None,
        to_image: Callable[[RawFrame], np.ndarray] = rgb_image,
    ) -> None:
        """Look at every label once, to check it and to count its classes.

        Args:
            path: the folder with images/ and labels/.
            label_set: the model's classes.
            folder: keeps what is counted.
            on_frame: called with the number of frames done and in all; may raise to stop.
            ids: in the labels.
            roots: folders that the files have to lie in.
            to_image: a frame as the network image, uint8 (H, W, 3).

        Raises:
            InputError: a file cannot be read, has another size than its image, or holds ids that mean nothing.
        """
        self._pairs, self._roots, self._to_image = labelled_files(path), roots, to_image
        self._names = CITYSCAPES_TRAIN_IDS if ids == "cityscapes" else label_set.names
        self._translation = translation_table(self._names, label_set)
        self.names = names = [pair.image.name for pair in self._pairs]
        counted = folder / "pixel_counts.json"
        folder.mkdir(parents=True, exist_ok=True)
        if counted.exists() and (data := json.loads(counted.read_text()))["names"] == names:
            self.pixel_counts = np.array(data["counts"], np.int64)
            return
        counts = []
        for index in range(len(names)):
            labels = self._read(index)[1]
            known = labels[labels != IGNORE]
            if known.size and known.max() >= len(self._names):
                raise InputError(
                    f"{self._pairs[index].labels} holds class id {known.max()}, but there are {len(self._names)} "
                    f"classes ({', '.join(self._names)}): use their index, or 255 for none; labels in Cityscapes' "
                    "trainIds want the option source_labels=cityscapes"
                )
            counts.append(count_pixels(self._translation[labels], len(label_set)))
            on_frame(index + 1, len(names))
        self.pixel_counts = np.stack(counts)
        durable.write_json(counted, {"names": names, "counts": self.pixel_counts.tolist()})

    def frame(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Read one pair; FrameError if it cannot be used."""
        image, labels = self._read(index)
        return image, self._translation[labels]

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One pair, the labels with their own ids."""
        pair = self._pairs[index]
        image = self._to_image(read_image(pair.image, self._roots))
        labels = read_image(pair.labels, self._roots).array
        if labels.dtype != np.uint8 or labels.shape != image.shape[:2]:
            raise FrameError(
                f"{pair.labels} is {labels.dtype} {labels.shape}: labels are one 8-bit channel of class ids, "
                f"of the size of their image {image.shape[:2]}"
            )
        return image, labels


class SimulatedSource:
    """Rendered RGB streets; their classes are matched to the model's by name."""

    def __init__(
        self,
        config: FramePoolConfig,
        label_set: LabelSet,
        folder: Path,
        on_frame: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """Render into the folder, or use what is there.

        Raises:
            InputError: the model has none of the simulator's classes.
            OSError: the disk is full.
        """
        translation = translation_table(STREET_11.names, label_set)
        if (translation == IGNORE).all():
            raise InputError(
                "the simulator has none of the model's classes: give a folder with images/ and labels/ as source"
            )
        count, size = config.streets * config.frames_per_street, (config.height, config.width)
        wanted = {"config": repr(config)}
        stamp, image_file, label_file = (folder / name for name in ("rendered.json", "images.bin", "labels.bin"))
        folder.mkdir(parents=True, exist_ok=True)
        pixels = math.prod((count, *size))
        if not _is_rendered(stamp, wanted, {image_file: 3 * pixels, label_file: pixels}):
            stamp.unlink(missing_ok=True)
            # Plain writing: a full disk raises here, where a memory map would kill the process.
            with image_file.open("wb") as images, label_file.open("wb") as labels:
                for index, frame in enumerate(_rendered(config)):
                    images.write(frame["rgb"].tobytes())
                    labels.write(frame["labels"].tobytes())
                    on_frame(index + 1, count)
            for file in (image_file, label_file):  # before the stamp: it speaks for them after a power cut
                durable.sync(file)
            durable.write_json(stamp, wanted)
        self._images = np.memmap(image_file, np.uint8, "r", shape=(count, *size, 3))
        self._labels = np.memmap(label_file, np.uint8, "r", shape=(count, *size))
        self._translation = translation
        self.pixel_counts = np.stack([count_pixels(self.frame(index)[1], len(label_set)) for index in range(count)])

    def frame(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One rendered frame."""
        return np.asarray(self._images[index]), self._translation[self._labels[index]]


def _is_rendered(stamp: Path, wanted: dict[str, str], sizes: dict[Path, int]) -> bool:
    """Whether a folder holds what is wanted, as a whole."""
    try:
        return json.loads(stamp.read_text()) == wanted and all(file.stat().st_size == sizes[file] for file in sizes)
    except (OSError, ValueError):
        return False


def _rendered(config: FramePoolConfig) -> Iterator[dict[str, np.ndarray]]:
    from madm_model.training.frame_pool import network_frames  # brings the simulator and PyTorch

    cv2.setNumThreads(1)  # a robot has other work for its cores
    for street in range(config.streets):
        yield from network_frames(config, config.first_seed + street)
