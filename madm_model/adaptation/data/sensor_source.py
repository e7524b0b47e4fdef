# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Labelled simulated frames of the target's kind of sensor, each time as another one of that kind would show them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from madm_model.io import durable
from madm_model.labels import STREET_11, LabelSet, count_pixels, translation_table
from madm_model.training.config import FramePoolConfig

_STAMP = "rendered.json"


class SensorSource:
    """`SourceFrames` of a simulated sensor: what a street without labels cannot tell, a person's warmth above all.

    Attributes:
        modality: thermal, depth or event.
    """

    def __init__(
        self,
        config: FramePoolConfig,
        modality: str,
        label_set: LabelSet,
        folder: Path,
        on_frame: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """Render into the folder, or use what is there.

        Raises:
            OSError: the disk is full.
        """
        self.modality = modality
        self._translation = translation_table(STREET_11.names, label_set)
        config = replace(config, modalities=("rgb", modality))
        wanted = {"config": repr(config), "modality": modality}
        if not _holds(folder / _STAMP, wanted):
            _render(config, folder, on_frame)
            durable.write_json(folder / _STAMP, wanted)
        self._frames = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in (*config.modalities, "labels")}
        labels = self._frames["labels"]
        self.pixel_counts = np.stack([count_pixels(self._translation[image], len(label_set)) for image in labels])

    def frame(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One frame as the simulated sensor shows it."""
        return np.asarray(self._frames[self.modality][index]), self._translation[self._frames["labels"][index]]

    def frame_of_another_sensor(self, rng: np.random.Generator, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One frame with other gain, sharpness, noise and warmth of things: `random_sensor`."""
        from madm_model.training.sensor_appearance import random_sensor

        image, colour, labels = (np.asarray(self._frames[name][index]) for name in (self.modality, "rgb", "labels"))
        return random_sensor(rng, self.modality, image, colour, labels), self._translation[labels]


def _holds(stamp: Path, wanted: dict[str, str]) -> bool:
    try:
        return json.loads(stamp.read_text()) == wanted
    except (OSError, ValueError):
        return False


def _render(config: FramePoolConfig, folder: Path, on_frame: Callable[[int, int], None]) -> None:
    from madm_model.training.frame_pool import network_frames  # brings the simulator and PyTorch

    frames: list[dict[str, np.ndarray]] = []
    count = config.streets * config.frames_per_street
    for street in range(config.streets):
        for frame in network_frames(config, config.first_seed + street):
            frames.append(frame)
            on_frame(len(frames), count)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _STAMP).unlink(missing_ok=True)
    for name in frames[0]:
        array = io.BytesIO()
        np.save(array, np.stack([frame[name] for frame in frames]))
        # Plain writing: a full disk raises here, and says so, where NumPy names no reason and a memory map would kill
        # the process.
        (folder / f"{name}.npy").write_bytes(array.getbuffer())
        durable.sync(folder / f"{name}.npy")  # before the stamp: it speaks for them after a power cut
