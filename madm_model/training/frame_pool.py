"""A pool of simulated frames on disk: network images of every modality with their labels.

Rendered once per configuration by all cores, then memory-mapped, so that training neither waits
for the simulator nor holds the pool in memory.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from madm_model.io.frames import RawFrame
from madm_model.modalities import make_preprocessor
from madm_model.simulator import SimulatorConfig, StreetSimulator
from madm_model.training.views import random_view, stack_images

POOL_MODALITIES = ("rgb", "thermal", "depth")
_FRAME_INTERVAL_S = 1.5


@dataclass(frozen=True)
class FramePoolConfig:
    """Which simulated streets are rendered."""

    first_seed: int
    """Simulator seed of the first street; the others follow."""
    streets: int
    """Number of streets, each a different place at a different time of day."""
    frames_per_street: int
    """Frames of each street, 1.5 s of driving apart."""
    width: int = 320
    """Frame width in pixels."""
    height: int = 240
    """Frame height in pixels."""

    def __post_init__(self) -> None:
        if min(self.streets, self.frames_per_street, self.width, self.height) < 1:
            raise ValueError("streets, frames_per_street, width and height must be at least 1")


class FramePool:
    """Memory-mapped frames of `render_pool`.

    Attributes:
        images: per modality, uint8 (N, H, W, 3) network images.
        labels: uint8 (N, H, W) class ids of `STREET_11`.
    """

    def __init__(self, folder: Path) -> None:
        self.images = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in POOL_MODALITIES}
        self.labels = np.load(folder / "labels.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self.labels)

    def crops(
        self, rng: np.random.Generator, modality: str, count: int, size: tuple[int, int], scale: tuple[float, float]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Random frames, each randomly scaled, cropped and flipped.

        Args:
            rng: decides everything.
            modality: rgb, thermal or depth.
            count: batch size B.
            size: crop height and width h, w in pixels.
            scale: smallest and largest magnification of a frame before the crop.

        Returns:
            float32 (B, 3, h, w) in [-1, 1] and int64 (B, h, w).
        """
        indices = rng.integers(len(self), size=count)
        return self.batch([self.crop(rng, modality, int(index), size, scale) for index in indices])

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
    """Render the pool into `folder`, or reuse what the same configuration rendered there before."""
    stamp = folder / "pool.json"
    wanted = json.dumps(asdict(config), sort_keys=True)
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        count, shape = config.streets * config.frames_per_street, (config.height, config.width)
        arrays = {
            name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, (count, *shape, 3))
            for name in POOL_MODALITIES
        }
        arrays["labels"] = np.lib.format.open_memmap(folder / "labels.npy", "w+", np.uint8, (count, *shape))
        seeds = range(config.first_seed, config.first_seed + config.streets)
        with ProcessPoolExecutor(os.cpu_count()) as executor:
            for street, frames in enumerate(executor.map(_render_street, [config] * config.streets, seeds)):
                rows = np.s_[street * config.frames_per_street : (street + 1) * config.frames_per_street]
                for name, array in arrays.items():
                    array[rows] = frames[name]
        for array in arrays.values():
            array.flush()
        stamp.write_text(wanted)
    return FramePool(folder)


def _render_street(config: FramePoolConfig, seed: int) -> dict[str, np.ndarray]:
    """All frames of one street, by modality and `labels`."""
    cv2.setNumThreads(1)
    frames = list(network_frames(config, seed))
    return {name: np.stack([frame[name] for frame in frames]) for name in frames[0]}


def network_frames(config: FramePoolConfig, seed: int) -> Iterator[dict[str, np.ndarray]]:
    """One street's frames as network images, uint8 (H, W, 3) by modality, with their `labels`."""
    simulator = StreetSimulator(seed, SimulatorConfig(width=config.width, height=config.height))
    for number in range(config.frames_per_street):
        time_s = number * _FRAME_INTERVAL_S
        frame = simulator.frame(time_s)
        raw = {"rgb": (frame.rgb, "rgb8"), "thermal": (frame.thermal, "mono16"), "depth": (frame.depth, "32FC1")}
        # A preprocessor per frame: moments 1.5 s apart share no gain.
        images = {
            name: make_preprocessor(name)(RawFrame(array, encoding, round(time_s * 1e9), "simulator"))
            for name, (array, encoding) in raw.items()
        }
        yield images | {"labels": frame.labels}
