# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Any model on a directory of infrared frames with boxes, scored as the benchmark street_thermal scores its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from madm_model.adaptation.data.source_frames import labelled_files
from madm_model.benchmark.street_scores import Box, OperatingCurve
from madm_model.benchmark.street_thermal import (
    BOX_CLASSES,
    PRECISION,
    SOURCE_MIOU,
    TEACHER_MIOU,
    box_scores,
    miou,
    read_boxes,
    recalls_at,
    thermal_image,
)
from madm_model.evaluation import ConfusionMatrix
from madm_model.io.frames import InputError
from madm_model.io.sources import IMAGE_SUFFIXES, read_image
from madm_model.labels import STREET_11
from madm_model.modalities import make_preprocessor
from madm_model.segmenter import Segmenter


def score_frames(
    segmenter: Segmenter,
    frames: Path,
    boxes: Path,
    labels: Path | None = None,
    source: Path | None = None,
    precision: float = PRECISION,
    bias: np.ndarray | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Score a model.

    Args:
        segmenter: of the model.
        frames: directory of infrared images, all of which the file of boxes names.
        boxes: file like {"a.png": [{"class": "person", "xyxy": [x0, y0, x1, y1]}, ...], "b.png": [], ...}, in pixels.
        labels: directory of label images of some of the frames, by the same names; gives mIoU (b).
        source: labelled RGB, a folder with images/ and labels/; gives mIoU (c).
        precision: at which recall is told, in percent.
        bias: added to the scores of the classes, float32 (K,) in nats.
        on_frame: called after every image.

    Returns:
        scores in percent; one that is not defined is left out.

    Raises:
        ValueError: the model has other classes.
        InputError: frames, boxes or labels do not belong together, or cannot be read.
    """
    if segmenter.config.label_set.names != STREET_11.names:
        raise ValueError(f"model '{segmenter.config.name}' has not the {len(STREET_11)} classes that are scored")

    # 1. Boxes: the network's own decision, and what others would have found
    wanted = read_boxes(boxes)
    predicted: dict[str, np.ndarray] = {}
    curves = {name: OperatingCurve(STREET_11.names.index(name)) for name in BOX_CLASSES}
    for path in _frames(frames, boxes, wanted):
        image = thermal_image(path)
        class_scores = segmenter.scores(image)  # float32 (K, H, W)
        if bias is not None:
            class_scores += bias[:, None, None]
        predicted[path.name] = class_scores.argmax(axis=0)  # as `segment` decides
        for curve in curves.values():
            curve.add(class_scores, wanted[path.name])
        on_frame()
    scores = box_scores(predicted, wanted, predicted) | recalls_at(curves, precision)

    # 2. Labels of the frames, and of the source
    if labels is not None:
        matrix = ConfusionMatrix(len(STREET_11))
        for path in _labels(labels, predicted):
            _add(matrix, predicted[path.name], path)
        scores |= miou(TEACHER_MIOU, "(b) IoU", matrix)
    if source is not None:
        matrix, to_network = ConfusionMatrix(len(STREET_11)), make_preprocessor("rgb")
        for pair in labelled_files(source):
            _add(matrix, segmenter.segment([to_network(read_image(pair.image))], [bias])[0].labels, pair.labels)
            on_frame()
        scores |= miou(SOURCE_MIOU, "(c) IoU", matrix)
    return {name: value for name, value in scores.items() if not math.isnan(value)}


def count_images(frames: Path, source: Path | None) -> int:
    """Images that `score_frames` goes through."""
    return sum(1 for _ in _images(frames)) + (len(labelled_files(source)) if source is not None else 0)


def _images(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is no directory of images")
    return (path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES)


def _frames(folder: Path, file: Path, boxes: dict[str, list[Box]]) -> list[Path]:
    frames = list(_images(folder))
    names = {path.name for path in frames}
    if without := sorted(names - boxes.keys()):
        raise InputError(f"{file} does not name {_some(without)} of {folder}: a frame without any has an empty list")
    if missing := sorted(boxes.keys() - names):
        raise InputError(f"{file} names {_some(missing)}, which {folder} does not hold")
    if not frames:
        raise InputError(f"{folder} holds no images ({', '.join(IMAGE_SUFFIXES)})")
    return frames


def _labels(folder: Path, predicted: dict[str, np.ndarray]) -> list[Path]:
    labels = list(_images(folder))
    if others := sorted({path.name for path in labels} - predicted.keys()):
        raise InputError(f"{folder} has labels of {_some(others)}, which is no frame")
    if not labels:
        raise InputError(f"{folder} holds no label images")
    return labels


def _add(matrix: ConfusionMatrix, predicted: np.ndarray, path: Path) -> None:
    truth = read_image(path).array
    if truth.dtype != np.uint8 or truth.shape != predicted.shape:
        raise InputError(f"{path} is {truth.dtype} {truth.shape}: labels are uint8 of their image's {predicted.shape}")
    matrix.add(predicted, truth)


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
