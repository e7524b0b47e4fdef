# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A pool of simulated frames on disk: network images of several modalities with their labels.

Rendered once per configuration by all cores, then memory-mapped, so that training neither waits
for the simulator nor holds the pool in memory.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from madm_model.io import durable
from madm_model.io.frames import InputError, RawFrame
from madm_model.modalities import make_preprocessor
from madm_model.simulator import SimulatorConfig, StreetSimulator
from madm_model.simulator.config import Place
from madm_model.simulator.edges import edge_image
from madm_model.training.config import FramePoolConfig
from madm_model.training.views import random_view, stack_images

_STAMP = "pool.json"

_FRAME_INTERVAL_S = 1.5


class FramePool:
    """Memory-mapped frames of `render_pool`.

    Attributes:
        images: per modality, uint8 (N, H, W, 3) network images.
        labels: uint8 (N, H, W) class ids of `STREET_11`.
    """

    def __init__(self, folder: Path) -> None:
        arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
        self.labels = arrays.pop("labels")
        self.images = arrays

    def __len__(self) -> int:
        return len(self.labels)

    def crops(
        self, rng: np.random.Generator, modality: str, count: int, size: tuple[int, int], scale: tuple[float, float]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Random frames, each randomly scaled, cropped and flipped.

        Args:
            rng: decides everything.
            modality: one of `images`.
            count: batch size B.
            size: crop height and width h, w in pixels.
            scale: smallest and largest magnification of a frame before the crop.

        Returns:
            float32 (B, 3, h, w) in [-1, 1] and int64 (B, h, w).
        """
        return self.batch(self.draw(rng, modality, count, size, scale))

    def draw(
        self, rng: np.random.Generator, modality: str, count: int, size: tuple[int, int], scale: tuple[float, float]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """As `crops`, before they are a batch: uint8 (h, w, 3) and uint8 (h, w) each."""
        indices = rng.integers(len(self), size=count)
        return [self.crop(rng, modality, int(index), size, scale) for index in indices]

    def crop(
        self, rng: np.random.Generator, modality: str, index: int, size: tuple[int, int], scale: tuple[float, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """One frame, randomly scaled, cropped and flipped: uint8 (h, w, 3) and uint8 (h, w); see `crops`."""
        return random_view(rng, self.images[modality][index], self.labels[index], size, scale)

    @staticmethod
    def batch(crops: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[torch.Tensor, torch.Tensor]:
        """Stack crops: float32 (B, 3, h, w) in [-1, 1] and int64 (B, h, w)."""
        images, labels = zip(*crops)
        return stack_images(images), torch.from_numpy(np.stack(labels)).long()


def render_pool(config: FramePoolConfig, folder: Path) -> FramePool:
    """Render the pool into `folder`, or reuse it if the same streets, and all that is wanted of them, are there.

    Several processes may ask for the same: each renders beside the folder, which is only ever there as a whole.

    Raises:
        InputError: there is something else in the folder.
    """
    wanted = asdict(config)
    if not _is_there(folder, wanted):
        _require_ours(folder)
        rendering = durable.unfinished(folder)
        rendering.mkdir(parents=True)
        count, shape = config.streets * config.frames_per_street, (config.height, config.width)
        arrays = {
            name: np.lib.format.open_memmap(rendering / f"{name}.npy", "w+", np.uint8, (count, *shape, 3))
            for name in config.modalities
        }
        arrays["labels"] = np.lib.format.open_memmap(rendering / "labels.npy", "w+", np.uint8, (count, *shape))
        seeds = range(config.first_seed, config.first_seed + config.streets)
        with _processes() as executor:
            for street, frames in enumerate(executor.map(_render_street, [config] * config.streets, seeds)):
                rows = np.s_[street * config.frames_per_street : (street + 1) * config.frames_per_street]
                for name, array in arrays.items():
                    array[rows] = frames[name]
        for array in arrays.values():
            array.flush()
        (rendering / _STAMP).write_text(json.dumps(wanted, sort_keys=True))
        if _is_there(folder, wanted):  # by now
            shutil.rmtree(rendering)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            durable.publish(rendering, folder)
    return FramePool(folder)


def _is_there(folder: Path, wanted: dict[str, Any]) -> bool:
    return (folder / _STAMP).exists() and _holds(json.loads((folder / _STAMP).read_text()), wanted)


def _require_ours(folder: Path) -> None:
    others = [path for path in folder.glob("*") if path.name != _STAMP and path.suffix != ".npy"]
    if others:
        raise InputError(f"{others[0]} is no part of rendered frames: name another work folder, or move it away")


def _holds(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a pool's stamp promises what is wanted; what a stamp does not name was the default then."""
    found = {value.name: value.default for value in fields(FramePoolConfig) if value.default is not MISSING} | found
    held = set(found["modalities"])
    return found | {"modalities": ()} == wanted | {"modalities": ()} and held.issuperset(wanted["modalities"])


@contextlib.contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Have OpenCV compute without threads of its own for a while.

    A fork does not copy OpenCV's threads, and a process that then changes their number waits for them for ever: they
    are stopped before.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)


@contextlib.contextmanager
def _processes() -> Iterator[ProcessPoolExecutor]:
    """One process for each core."""
    with (
        one_opencv_thread(),
        ProcessPoolExecutor(os.cpu_count(), initializer=cv2.setNumThreads, initargs=(1,)) as executor,
    ):
        yield executor


def _render_street(config: FramePoolConfig, seed: int) -> dict[str, np.ndarray]:
    """All frames of one street, by modality and `labels`."""
    frames = list(network_frames(config, seed))
    return {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}


def _scene_config(config: FramePoolConfig, seed: int) -> SimulatorConfig:
    """What the street of a seed is: `quiet_share` and `close_share` of them, evenly spread, are so."""
    street = seed - config.first_seed

    def is_one_of(share: float) -> bool:
        return int((street + 1) * share) > int(street * share)

    place: Place = "quiet" if is_one_of(config.quiet_share) else "street"
    return SimulatorConfig(config.width, config.height, place=place, close_people=is_one_of(config.close_share))


def network_frames(config: FramePoolConfig, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """One street's frames as network images, uint8 (H, W, 3) by modality, with their `labels`."""
    simulator = StreetSimulator(seed, _scene_config(config, seed))
    for number in range(config.frames_per_street):
        time_s = number * _FRAME_INTERVAL_S
        frame = simulator.frame(time_s)
        raw = {"rgb": (frame.rgb, "rgb8"), "thermal": (frame.thermal, "mono16"), "depth": (frame.depth, "32FC1")}
        if "event" in config.modalities:
            raw["event"] = (edge_image(simulator, time_s), "mono8")
        # A preprocessor per frame: moments 1.5 s apart share no gain.
        images = {
            name: make_preprocessor(name)(RawFrame(*raw[name], round(time_s * 1e9), "simulator"))
            for name in config.modalities
        }
        yield images | {"labels": frame.labels}
