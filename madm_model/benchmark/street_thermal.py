# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Real streets as a benchmark: the folder street_thermal, RGB to thermal without labels of the target.

Its README is the source of every number's definition. Nothing of the folder, nor weights trained on it, is part of
this project.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from madm_model.adaptation.data.batches import AdaptationData
from madm_model.adaptation.data.mixed_source import MixedSource
from madm_model.adaptation.data.source_frames import FolderSource, SourceFrames, labelled_files, open_source
from madm_model.adaptation.data.source_shares import REPLAY, SENSOR
from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.adaptation.data.training_data import JobData
from madm_model.benchmark.config import BenchmarkConfig
from madm_model.benchmark.plan import Run
from madm_model.benchmark.street_scores import Box, BoxCount, OperatingCurve
from madm_model.evaluation import ConfusionMatrix, occurring_miou
from madm_model.io.frames import InputError
from madm_model.io.sources import read_image
from madm_model.labels import STREET_11
from madm_model.modalities import make_preprocessor
from madm_model.model_config import ModelConfig, magnification
from madm_model.segmenter import Segmenter

BOX_CLASSES = ("person", "vehicle")
BOX_SCORES = tuple(f"{name} {score}" for name in BOX_CLASSES for score in ("recall", "precision", "F1"))
TEACHER_MIOU, SOURCE_MIOU = "mIoU (b)", "mIoU (c)"
PRECISION = 40.0
"""Percent at which recall is told beside that of the network's own decision."""

_EXAMPLE = '{"frame.png": [{"class": "person", "xyxy": [10, 20, 30, 60]}]}'

REFERENCE_NAME = "ESPNetv2 on RGB, no adaptation"
REFERENCE = {
    **{"person recall": 10.1, "person precision": 12.6, "person F1": 11.2},
    **{"vehicle recall": 27.0, "vehicle precision": 22.5, "vehicle F1": 24.5},
    **{TEACHER_MIOU: 14.5, SOURCE_MIOU: 48.5},
    **{"day person recall": 5.0, "day person precision": 10.1, "day vehicle recall": 40.7},
    **{"day vehicle precision": 42.1, "night person recall": 15.2, "night person precision": 16.9},
    **{"night vehicle recall": 7.3, "night vehicle precision": 2.6},
    **{"(b) IoU sky": 0.0, "(b) IoU building": 22.8, "(b) IoU fence": 6.3, "(b) IoU person": 5.4, "(b) IoU pole": 6.4},
    **{"(b) IoU road": 48.0, "(b) IoU sidewalk": 0.1, "(b) IoU vegetation": 46.6, "(b) IoU vehicle": 23.7},
    **{"(b) IoU wall": 0.2, "(b) IoU traffic_sign": 0.0, "(c) IoU sky": 72.3, "(c) IoU building": 68.2},
    **{"(c) IoU fence": 42.6, "(c) IoU person": 18.2, "(c) IoU pole": 20.5, "(c) IoU road": 78.5},
    **{"(c) IoU sidewalk": 48.9, "(c) IoU vegetation": 60.9, "(c) IoU vehicle": 67.0, "(c) IoU traffic_sign": 8.2},
}
"""README of street_thermal, "Reference numbers": ESPNetv2-2.0 trained on Cityscapes RGB, applied to the thermal frames
(RGB frames for (c)) of exactly this folder, in percent; F1 follows from them."""


class StillFrames(TargetFrames):
    """Target frames that no bag recorded: single images, all of them for training."""

    def __init__(self, images: np.ndarray, config: ModelConfig) -> None:
        """Take network images, uint8 (N, H, W, 3), of the size that they are recorded in."""
        self.images = images
        self.training = np.arange(len(images))
        self.held_out: list[np.ndarray] = []
        self.enlargement = 1 / magnification(config, *images.shape[1:3])
        self.notes: list[str] = []


class StreetThermal:
    """Task of a benchmark on the folder street_thermal.

    Attributes:
        headline: scores of the main table: the README's (a), (b) and (c).
        primary: score of sweeps and curves.
        reference_name, reference: the README's row of an RGB segmenter without adaptation.
    """

    headline: tuple[str, ...] = (*BOX_SCORES, TEACHER_MIOU, SOURCE_MIOU)
    primary = TEACHER_MIOU
    reference_name = REFERENCE_NAME
    reference: Mapping[str, float] = REFERENCE

    def __init__(self, config: BenchmarkConfig, model: ModelConfig, work_dir: Path, folder: Path) -> None:
        """Read the folder's target images; the source's are read when drawn.

        Raises:
            ValueError: the model has other classes.
            InputError: the folder is not as its README describes.
        """
        if model.label_set != STREET_11:
            raise ValueError(f"street_thermal has {len(STREET_11)} classes, but model '{model.name}' has other ones")
        self._config, self._model = config, model
        self._folder_source = FolderSource(folder / "source/train", STREET_11, work_dir / "source")
        self._source: SourceFrames = self._folder_source
        simulated = {REPLAY: config.replay_share, SENSOR: config.sensor_share}
        shares = {name: share for name, share in simulated.items() if share}
        if shares:
            opened = [open_source(name, STREET_11, work_dir / (name or "replay")) for name in shares]
            self._source = MixedSource([self._folder_source, *opened], [1 - sum(shares.values()), *shares.values()])
        self._source_test = labelled_files(folder / "source/test")
        self._target = np.stack([thermal_image(path) for path in _images(folder / "target/train/thermal")])
        self._val = _images(folder / "target/val/thermal")
        self._boxes = read_boxes(folder / "target/val/boxes.json")
        self._teacher = {path.name: path for path in _images(folder / "target/val/pseudo_labels")}
        if max(config.target_frames) > len(self._target):
            raise ValueError(f"target_frames asks for {max(config.target_frames)}, but there are {len(self._target)}")

    def data(self, run: Run) -> AdaptationData:
        """Batches as an adaptation job draws them; fewer target frames are spread over all of them."""
        count = run.target_frames or len(self._target)
        chosen = np.linspace(0, len(self._target) - 1, count).astype(int)
        return JobData(self._source, StillFrames(self._target[chosen], self._model), self._model, self._config.view)

    def scores(self, segmenter: Segmenter, modality: str) -> dict[str, float]:
        """All scores of the README in percent, and of boxes more: F1, and recall at a precision of 40 %."""
        labels: dict[str, np.ndarray] = {}
        curves = {name: OperatingCurve(STREET_11.names.index(name)) for name in BOX_CLASSES}
        for path in self._val:
            class_scores = segmenter.scores(thermal_image(path))  # float32 (K, H, W)
            labels[path.name] = class_scores.argmax(axis=0)  # as `segment` decides
            for curve in curves.values():
                curve.add(class_scores, self._boxes[path.name])

        # (a) boxes of all frames, at other operating points, and of each half
        scores = box_scores(labels, self._boxes, labels) | recalls_at(curves, PRECISION)
        for prefix, letter in (("day ", "D"), ("night ", "N")):
            half = [name for name in labels if Path(name).stem.endswith(letter)]
            scores |= {prefix + name: value for name, value in box_scores(labels, self._boxes, half).items()}

        # (b) agreement with the teacher that saw RGB
        matrix = ConfusionMatrix(len(STREET_11))
        for name, path in self._teacher.items():
            matrix.add(labels[name], read_image(path).array)
        scores |= miou(TEACHER_MIOU, "(b) IoU", matrix)

        # (c) what adaptation cost on the source
        matrix = ConfusionMatrix(len(STREET_11))
        to_network = make_preprocessor("rgb")
        for pair in self._source_test:
            (result,) = segmenter.segment([to_network(read_image(pair.image))])
            matrix.add(result.labels, read_image(pair.labels).array)
        scores |= miou(SOURCE_MIOU, "(c) IoU", matrix)
        return {name: value for name, value in scores.items() if not math.isnan(value)}

    def blocks(self, segmenter: Segmenter, modality: str) -> None:
        """None: only some frames have labels, and those from another network."""

    def describe(self) -> str:
        """The frames, in one sentence."""
        return (
            f"Source: {len(self._folder_source.pixel_counts)} labelled RGB images{self._replay_in_words()} (as an "
            "adaptation job does, a tenth of them, 24 at most, is not trained on). "
            f"Target: {len(self._target)} thermal images without labels. "
            f"Scored on {len(self._val)} thermal images (a), {len(self._teacher)} of them with labels that an RGB "
            f"network made by day (b), and {len(self._source_test)} RGB images (c)."
        )

    def _replay_in_words(self) -> str:
        shares = {
            "one of the simulated replay set": self._config.replay_share,
            "a labelled frame of a simulated thermal camera": self._config.sensor_share,
        }
        return "".join(f", {100 * share:.0f} % of the time {what}" for what, share in shares.items() if share)


def box_scores(labels: dict[str, np.ndarray], boxes: dict[str, list[Box]], frames: Iterable[str]) -> dict[str, float]:
    """Box recall, pixel precision and F1 of the two per class, in percent; NaN where one is not defined.

    Args:
        labels: file name to predicted labels, uint8 (H, W).
        boxes: file name to boxes.
        frames: file names that count.
    """
    counts = {name: BoxCount(STREET_11.names.index(name)) for name in BOX_CLASSES}
    for frame in frames:
        for count in counts.values():
            count.add(labels[frame], boxes[frame])
    scores = ((100 * count.recall, 100 * count.precision, 100 * count.f1) for count in counts.values())
    return dict(zip(BOX_SCORES, (value for of_class in scores for value in of_class)))


def recalls_at(curves: Mapping[str, OperatingCurve], precision: float) -> dict[str, float]:
    """Recall of every class that a bias on its score could give with at least a precision, both in percent."""
    return {
        f"{name} recall at precision {precision:g}": 100 * curve.recall_at(precision / 100)
        for name, curve in curves.items()
    }


def read_boxes(path: Path) -> dict[str, list[Box]]:
    """File name to its boxes.

    Raises:
        InputError: the file is missing or not as described.
    """
    try:
        data = json.loads(path.read_text())
        return {name: [_box(box) for box in boxes] for name, boxes in data.items()}
    except OSError:
        raise InputError(f"{path} cannot be read: it has to hold the boxes of the frames") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} does not hold boxes like {_EXAMPLE}: {error!r}") from None


def _box(data: Mapping[str, Any]) -> Box:
    x0, y0, x1, y1 = map(float, data["xyxy"])
    return Box(STREET_11.names.index(data["class"]), (x0, y0, x1, y1))


def miou(name: str, class_prefix: str, matrix: ConfusionMatrix) -> dict[str, float]:
    """Mean and per class over the classes that occur, in percent; NaN for others."""
    mean, class_iou = occurring_miou(matrix)
    return {name: 100 * mean} | {
        f"{class_prefix} {label}": 100 * float(value) for label, value in zip(STREET_11.names, class_iou)
    }


def _images(folder: Path) -> Sequence[Path]:
    files = sorted(folder.glob("*.png"))
    if not files:
        raise InputError(f"{folder} holds no PNG images: give the folder street_thermal with --data")
    return files


def thermal_image(path: Path) -> np.ndarray:
    """The network's image as live, uint8 (H, W, 3); stills share no gain."""
    image = make_preprocessor("thermal")(read_image(path))
    return np.ascontiguousarray(image)
