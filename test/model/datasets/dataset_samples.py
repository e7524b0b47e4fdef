# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Miniature roots of the data sets, made by hand: a few files of 8x16 pixels in the layout of the release."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from PIL import Image

HEIGHT, WIDTH = 8, 16


def grey(value: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH), value, np.uint8)


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def cityscapes(root: Path, ids: str = "labelTrainIds", split: str = "train") -> Path:
    """Three images in two cities; the labels are 0 to 15 in every row, of the image's number in the first column."""
    for number, place in enumerate(("bochum/bochum_000000_000313", "aachen/aachen_000001", "aachen/aachen_000000")):
        labels = np.tile(np.arange(WIDTH, dtype=np.uint8), (HEIGHT, 1))
        write(root / f"leftImg8bit/{split}/{place}_leftImg8bit.png", np.dstack([grey(number), grey(50), grey(100)]))
        write(root / f"gtFine/{split}/{place}_gtFine_{ids}.png", labels)
    return root


def deliver(root: Path, split: str = "test") -> Path:
    """Images whose official order is not the alphabet's; ids are in the first channel."""
    for number, place in enumerate(("MAP_1_point2/000050", "MAP_1_point22/000000", "MAP_1_point102/000100")):
        ids = np.arange(HEIGHT * WIDTH, dtype=np.uint8).reshape(HEIGHT, WIDTH)
        write(
            root / f"depth/fog/{split}/{place}_depth_front.png",
            np.dstack([grey(number), grey(7), grey(9), grey(255)]),
        )
        write(
            root / f"semantic/fog/{split}/{place}_semantic_front.png",
            np.dstack([ids, grey(200), grey(201), grey(255)]),
        )
    return root


def fmb(root: Path, split: str = "test") -> Path:
    for number in (2, 1):
        write(root / f"{split}/Infrared/{number:05d}.png", grey(number))
        write(root / f"{split}/Label/{number:05d}.png", np.tile(np.arange(WIDTH, dtype=np.uint8), (HEIGHT, 1)))
    return root


def dsec(root: Path) -> Path:
    """Released edge images of a test sequence, whose first label has no image."""
    for number in range(3):
        if number:
            write(root / f"69mask_test_edges/zurich_city_13_a/{number:06d}.png", grey(number))
        write(root / f"test_semantic_labels/zurich_city_13_a/11classes/{number:06d}.png", grey(number))
    return root


def dsec_events(root: Path, split: str = "test", shift: int = 0) -> Path:
    """A recording whose clock starts at 5 s: an edge that blinks in column 20, ten times in 0.2 s.

    `rectify_map` moves everything `shift` columns to the right.
    """
    folder = root / f"{split}_events/zurich_city_13_a/events/left"
    folder.mkdir(parents=True)
    rows = np.tile(np.arange(100, 200, dtype=np.uint16), 10)
    t_us = np.repeat(np.arange(10) * 20_000, 100).astype(np.uint32)
    with h5py.File(folder / "events.h5", "w") as file:
        for name, column in (("t", t_us), ("x", np.full(1000, 20, np.uint16)), ("y", rows), ("p", rows % 2)):
            file[f"events/{name}"] = column
        file["t_offset"] = np.int64(5_000_000)
        file["ms_to_idx"] = np.searchsorted(t_us, np.arange(182) * 1000).astype(np.uint64)
    x, y = np.meshgrid(np.arange(640, dtype=np.float32), np.arange(480, dtype=np.float32))
    with h5py.File(folder / "rectify_map.h5", "w") as file:
        file["rectify_map"] = np.dstack([x + shift, y])
    labels = root / f"{split}_semantic_labels/zurich_city_13_a"
    for number in range(3):
        write(labels / f"11classes/{number:06d}.png", np.full((440, 640), number, np.uint8))
    (labels / "zurich_city_13_a_semantic_timestamps.txt").write_text("5000000\n5100000\n5180000\n")
    return root
