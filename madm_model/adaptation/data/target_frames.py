# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The target frames of a training on disk: one file of network images, thinned and without near-duplicates."""

from __future__ import annotations

import itertools
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import cv2
import numpy as np
from pydantic import Field

from madm_model.io import durable
from madm_model.io.frames import InputError
from madm_model.model_config import ModelConfig, network_size
from madm_model.settings import settings

META_FILE, FRAMES_FILE, PAIRED_FILE = "frames.json", "frames.bin", "paired.bin"
_THUMBNAIL = (32, 24)


@settings
class TargetLimits:
    """How many frames are kept, and which are not worth it."""

    max_frames: int = 1500
    """Frames on disk at most; beyond, every second one is given up again and again."""
    min_frames: Annotated[int, Field(ge=2)] = 16
    """Fewer frames than this are refused; at most half of `max_frames`, which thinning leaves."""
    duplicate_difference: Annotated[float, Field(ge=0)] = 1.0
    """A frame is skipped if its thumbnail differs from the last kept one's by less than this mean of grey levels."""
    held_out_share: Annotated[float, Field(gt=0, le=0.5)] = 0.15
    """Share of the frames, at the ends of bags, that is not trained on: the gate looks at it."""
    enlargement: Annotated[float, Field(ge=1)] = 1.25
    """Frames are kept at up to this multiple of the network's size, where the sensor has it: crops are magnified."""

    def __post_init__(self) -> None:
        if self.min_frames > self.max_frames / 2:
            raise ValueError("min_frames must be at most half of max_frames")


class TargetFrames:
    """Frames that `collect_frames` kept.

    Attributes:
        images: uint8 (N, h, w, 3) network images, memory-mapped, in order of bags and time.
        paired: likewise the images of a colour camera that lie over them, black where there is none; None without one.
        pairs: how many frames have one.
        training: int (n,) indices of frames to train on.
        held_out: the indices of frames for the gate, each a run of successive ones at the end of a bag; never empty.
        enlargement: pixels kept per pixel the network sees live.
        notes: what was left out and why, one sentence per bag where anything was.
    """

    def __init__(self, folder: Path) -> None:
        meta = json.loads((folder / META_FILE).read_text())
        shape = (meta["count"], *meta["shape"])
        self.images = np.memmap(folder / FRAMES_FILE, np.uint8, "r", shape=shape)
        self.pairs: int = meta.get("pairs", 0)
        self.paired = np.memmap(folder / PAIRED_FILE, np.uint8, "r", shape=shape) if self.pairs else None
        self.enlargement: float = meta["enlargement"]
        self.notes: list[str] = meta["notes"]
        training, self.held_out = [], []
        for first, last in itertools.pairwise(np.cumsum([0, *meta["counts"]])):
            # Of short bags together as many as of a long one: a frame of each would be too many
            held = round(last * meta["held_out_share"]) - sum(map(len, self.held_out))
            cut = max(first, last - max(held, 1 if last == meta["count"] and not self.held_out else 0))
            training.append(np.arange(first, cut))
            if cut < last:
                self.held_out.append(np.arange(cut, last))
        self.training = np.concatenate(training)

    def __len__(self) -> int:
        return len(self.images)


class FrameCollector:
    """Appends frames to a file, skipping near-duplicates and thinning when it is full.

    Args:
        file: of the frames.
        config: of the network that will be trained.
        limits: how many frames are kept.
        paired: file of the images that are paired with them; None without.
    """

    def __init__(
        self, file: BinaryIO, config: ModelConfig, limits: TargetLimits, paired: BinaryIO | None = None
    ) -> None:
        self._files = [file] if paired is None else [file, paired]
        self._config, self._limits = config, limits
        self._has_pair: list[bool] = []
        self._shape: tuple[int, int] | None = None
        self._enlargement = 1.0
        self._step, self._phase = 1, 0
        self._last_thumbnail: np.ndarray | None = None
        self._counts: list[int] = []
        self.read = self.read_of_bag = 0

    @property
    def count(self) -> int:
        """Frames in the file."""
        return sum(self._counts)

    def begin_bag(self) -> None:
        """The next frames are of another recording."""
        self._counts.append(0)
        self.read_of_bag = 0
        self._last_thumbnail = None

    @property
    def pairs(self) -> int:
        """Frames in the file that have a paired image."""
        return sum(self._has_pair)

    def add(self, image: np.ndarray, paired: np.ndarray | None = None) -> None:
        """Keep a network image unless it shows what the last one did.

        Args:
            image: uint8 (H, W, 3).
            paired: the image that lies over it, uint8 (H', W', 3); None where there is none.
        """
        self.read += 1
        self.read_of_bag += 1
        thumbnail = cv2.resize(image, _THUMBNAIL, interpolation=cv2.INTER_AREA).mean(axis=2)
        if self._last_thumbnail is not None:
            difference = float(np.abs(thumbnail - self._last_thumbnail).mean())
            if difference < self._limits.duplicate_difference:
                return
        self._last_thumbnail = thumbnail
        self._phase += 1
        if self._phase % self._step:
            return
        if self.count == self._limits.max_frames:
            self._thin()
        if self._shape is None:
            self._choose_shape(*image.shape[:2])
        fitting = [self._fit(image) for image in (image, *([] if paired is None else [paired]))]
        self._write(self.count, [one.tobytes() for one in fitting])
        self._has_pair.append(paired is not None)
        self._counts[-1] += 1

    def complete(self, folder: Path, more: str, about: Mapping[str, Any]) -> None:
        """Bring the file to the disk, and what `TargetFrames` needs to know of it into its folder.

        Args:
            folder: of the file.
            more: how there could be more frames, for the error.
            about: what else the folder keeps; `notes` among it.

        Raises:
            InputError: too few frames are left.
        """
        needed = max(self._limits.min_frames, 2)  # one to train on, and one for the gate
        if self.count < needed:
            raise InputError(
                f"only {self.count} different frames are left of {self.read} read, {needed} are needed: {more}"
            )
        durable.write_json(folder / META_FILE, self._finish() | dict(about))

    def _finish(self) -> dict[str, Any]:
        for file in self._files:
            file.truncate(self.count * self._frame_bytes())
            file.flush()
            os.fsync(file.fileno())
        return {
            "count": self.count,
            "counts": self._counts,
            "shape": [*(self._shape or (0, 0)), 3],
            "read": self.read,
            "enlargement": self._enlargement,
            "held_out_share": self._limits.held_out_share,
            "pairs": self.pairs,
        }

    def _choose_shape(self, height: int, width: int) -> None:
        rows, columns = network_size(self._config, height, width)
        factor = min(self._limits.enlargement, max(1.0, math.sqrt(height * width / (rows * columns))))
        self._shape, self._enlargement = (round(rows * factor), round(columns * factor)), factor

    def _fit(self, image: np.ndarray) -> np.ndarray:
        assert self._shape is not None
        if image.shape[:2] == self._shape:
            return image
        shrinking = image.shape[0] > self._shape[0]
        return cv2.resize(image, self._shape[::-1], interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)

    def _thin(self) -> None:
        """Give up every second frame, and from now on every second one that comes."""
        for target, index in enumerate(range(0, self.count, 2)):
            self._write(target, self._read(index))
        bounds = itertools.pairwise(np.cumsum([0, *self._counts]).tolist())
        self._counts = [len(range(first + first % 2, last, 2)) for first, last in bounds]
        self._has_pair = self._has_pair[::2]
        self._step *= 2

    def _frame_bytes(self) -> int:
        return math.prod(self._shape or (0,)) * 3

    def _write(self, index: int, images: Sequence[bytes]) -> None:
        """A frame and its paired image; without one that is black."""
        # Not a memory map: on a full disk writing to one kills the process, this raises.
        for file, image in itertools.zip_longest(self._files, images, fillvalue=bytes(self._frame_bytes())):
            file.seek(index * self._frame_bytes())
            file.write(image)

    def _read(self, index: int) -> list[bytes]:
        images = []
        for file in self._files:
            file.seek(index * self._frame_bytes())
            images.append(file.read(self._frame_bytes()))
        return images


def frame_bytes(config: ModelConfig, limits: TargetLimits, frames: Sequence[int], paired: bool = False) -> int:
    """Disk that the frames of these bags may take, and their paired images with labels if there are any, bytes."""
    pixels = config.input_size[0] * config.input_size[1] * limits.enlargement**2
    pixels *= 1 + paired * 5 / 3
    return round(3 * pixels * min(sum(frames), limits.max_frames))
