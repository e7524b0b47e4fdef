# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Cityscapes and FMB of a few pixels, in their layouts: blocks of classes, each with a grey of its own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

SIZE = (32, 64)

TRAINING = {
    "source": {"name": "cityscapes", "resize": [32, 64]},
    "target": {"name": "fmb", "resize": [32, 64]},
    "validation": {"name": "fmb", "split": "test"},
    "workers": 1,
    "log_every": 1,
    "training": {
        "iterations": 3,
        "self_training": {"dplg": {"initial_steps": [50, 51], "noise_period": 2}},
        "optimizer": {"learning_rate": 1e-3, "warmup_iterations": 0, "gradient_clip": 1.0},
    },
}
"""A configuration of `madm train` for these, without base, roots, crop and how often what is done."""


def write_cityscapes(root: Path, count: int = 4) -> Path:
    """Train images with labelTrainIds."""
    for number in range(count):
        name = f"aachen_{number:06d}_000019"
        labels = _blocks(number, 19)
        image = np.stack([labels * 12, 255 - labels * 9, labels * 5], axis=-1)
        _write(root / f"leftImg8bit/train/aachen/{name}_leftImg8bit.png", image)
        _write(root / f"gtFine/train/aachen/{name}_gtFine_labelTrainIds.png", labels)
    return root


def write_fmb(root: Path, count: int = 4) -> Path:
    """Train and test images with FMB's ids."""
    for split in ("train", "test"):
        for number in range(count):
            labels = _blocks(100 + number, 15)
            _write(root / split / "Infrared" / f"{number:05d}.png", labels * 16)
            _write(root / split / "Label" / f"{number:05d}.png", labels)
    return root


def _blocks(seed: int, classes: int) -> np.ndarray:
    ids = np.random.default_rng(seed).integers(0, classes, (4, 8))
    return np.kron(ids, np.ones((SIZE[0] // 4, SIZE[1] // 8), int)).astype(np.uint8)


def _write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
