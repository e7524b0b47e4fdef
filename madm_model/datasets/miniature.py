# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Miniatures: a few simulated frames in exactly the layout of a data set's release."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from madm_model.datasets import cityscapes, deliver, dsec, fmb
from madm_model.datasets.dataset import find_layout
from madm_model.datasets.layout import Layout, Size, untranslation
from madm_model.io import durable
from madm_model.io.frames import InputError, RawFrame
from madm_model.io.json_files import read_object
from madm_model.labels import STREET_11
from madm_model.modalities import make_preprocessor
from madm_model.simulator import SimulatorConfig, StreetSimulator
from madm_model.simulator.edges import edge_image

_NOTE = "miniature.json"
_MOMENTS_S = 60.0
_SENSOR_ROWS = 480 / 440
"""Rows of DSEC's sensor for each that is labelled."""


@dataclass(frozen=True)
class Miniature:
    """What a miniature is told to hold, in place of what the release holds."""

    dataset: str
    frames: int
    """In every split."""
    height: int
    width: int


def read_note(root: Path) -> Miniature | None:
    """What the folder says about itself; None for a release."""
    try:
        return Miniature(**read_object(root / _NOTE))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{root / _NOTE} is damaged ({error}): make the miniature again") from None


def make_miniature(
    name: str,
    out: Path,
    frames: int = 2,
    seed: int = 0,
    size: Size | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> None:
    """Write simulated streets, each frame of its own, in the layout of a data set.

    Args:
        name: of the data set.
        out: its folder, which must not exist; it appears once it is complete.
        frames: in every split.
        seed: of the first street.
        size: height and width of the images; None for the release's.
        on_frame: called after every frame.

    Raises:
        InputError: there is no data set of that name, the folder exists, or frames or size make no sense.
        OSError: the folder cannot be written.
    """
    layout = find_layout(name)
    if out.exists():
        raise InputError(f"{out} exists already: remove it or choose another folder")
    if frames < 1 or seed < 0:
        raise InputError(f"a miniature needs at least 1 frame and a seed of 0 or more, not {frames} and {seed}")
    size = size or layout.size
    unfinished = out.with_name(f".{out.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        for number, (split, index) in enumerate((split, index) for split in layout.images for index in range(frames)):
            image, labels = _simulated(layout, seed + number, size)
            _WRITERS[name](unfinished, split, index, image, labels)
            on_frame()
        durable.write_json(unfinished / _NOTE, asdict(Miniature(name, frames, *size)))
        unfinished.rename(out)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _simulated(layout: Layout, seed: int, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Network image, uint8 (H, W, 3), and labels, ids of `STREET_11`, of a random moment of a street."""
    height, width = size
    rows = round(height * _SENSOR_ROWS) if layout.modality == "event" else height
    try:
        simulator = StreetSimulator(seed, SimulatorConfig(width, rows))
    except ValueError as error:
        raise InputError(str(error)) from None
    time_s = float(np.random.default_rng([seed, 19]).uniform(0, _MOMENTS_S))
    frame = simulator.frame(time_s)
    if layout.modality == "event":
        array, encoding = edge_image(simulator, time_s), "mono8"
    else:
        array, encoding = {
            "rgb": (frame.rgb, "rgb8"),
            "depth": (frame.depth, "32FC1"),
            "thermal": (frame.thermal, "mono16"),
        }[layout.modality]
    image = make_preprocessor(layout.modality)(RawFrame(array, encoding, 0, "simulator"))
    return image[:height], frame.labels[:height]


def _write_cityscapes(root: Path, split: str, index: int, image: np.ndarray, labels: np.ndarray) -> None:
    place = f"{split}/simulated/simulated_{index:06d}_000019"
    _save(root / cityscapes.IMAGES / (place + cityscapes.IMAGE_ENDING), image)
    for ids, ending in (
        (cityscapes.TRAIN_IDS, cityscapes.TRAIN_IDS_ENDING),
        (cityscapes.OWN_IDS, cityscapes.IDS_ENDING),
    ):
        _save(root / cityscapes.LABELS / (place + ending), untranslation(ids, STREET_11)[labels])


def _write_deliver(root: Path, split: str, index: int, image: np.ndarray, labels: np.ndarray) -> None:
    weather = deliver.WEATHERS[index % len(deliver.WEATHERS)]
    place = f"{weather}/{split}/MAP_1_point{index + 1}/{50 * index:06d}"
    ids = untranslation(deliver.IDS, STREET_11)[labels]
    opaque = np.full_like(ids, 255)
    _save(root / deliver.IMAGES / (place + deliver.IMAGE_ENDING), np.dstack([image, opaque]))
    _save(root / deliver.LABELS / (place + deliver.LABEL_ENDING), np.dstack([ids, ids, ids, opaque]))


def _write_fmb(root: Path, split: str, index: int, image: np.ndarray, labels: np.ndarray) -> None:
    name = f"{index + 1:05d}{fmb.ENDING}"
    _save(root / split / fmb.IMAGES / name, image[..., 0])
    _save(root / split / fmb.LABELS / name, untranslation(fmb.IDS, STREET_11)[labels])


def _write_dsec(root: Path, split: str, index: int, image: np.ndarray, labels: np.ndarray) -> None:
    """Edge images as released; labels of the test set alone."""
    sequence = "zurich_city_00_a" if split == "train" else "zurich_city_13_a"
    number = 2 * (index + 1) if split == "train" else index + 1
    _save(root / dsec.EDGES[split] / sequence / f"{number:06d}{dsec.ENDING}", image[..., 0])
    if split == "test":
        _save(root / dsec.LABELS[split] / sequence / dsec.CLASSES / f"{number:06d}{dsec.ENDING}", labels)


_WRITERS = {"cityscapes": _write_cityscapes, "deliver": _write_deliver, "fmb": _write_fmb, "dsec": _write_dsec}


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
