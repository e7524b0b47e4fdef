# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a model of colour images says about the images that are paired with target frames, and how far to trust it.

A label counts with its probability times a weight for how bright the image is around it: a dark image has labels, too,
and they say nothing. Some classes (persons) are not seen by night even where the street is lit: an image of night
neither gives nor takes them away.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.adaptation.paired_config import PairedConfig, paired_classes
from madm_model.checkpoint.model_names import resolve_model
from madm_model.io import durable
from madm_model.labels import IGNORE, LabelSet
from madm_model.segmenter import Segmenter

_META_FILE, _LABELS_FILE = "paired_labels.json", "paired_labels.bin"
_AROUND = 1 / 64
"""Standard deviation of what is around a pixel, as a share of the image's width."""


class PairedLabels:
    """Labels of paired images that `label_paired` kept.

    Attributes:
        share: of the pixels of paired images, those whose label counts.
        stays: bool (N, K), the other teacher's pixels of which class a frame's paired image does not change.
    """

    def __init__(self, folder: Path, frames: TargetFrames) -> None:
        self._stored = np.memmap(folder / _LABELS_FILE, np.uint8, "r", shape=(*frames.images.shape[:3], 2))
        meta = json.loads((folder / _META_FILE).read_text())
        self.share: float = meta["share"]
        self.stays = np.array(meta["stays"], bool)

    def of(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Of a frame: labels, uint8 (h, w), and their weights, 255 for 1; `IGNORE` and 0 where nothing is said."""
        stored = np.asarray(self._stored[index])
        return stored[..., 0], stored[..., 1]


def label_paired(
    frames: TargetFrames,
    label_set: LabelSet,
    config: PairedConfig,
    folder: Path,
    device: str,
    on_frame: Callable[[int, int], None] = lambda done, total: None,
) -> PairedLabels:
    """Label the paired images once; what an earlier call completed is used as it is.

    Args:
        frames: of the target, with paired images.
        label_set: the classes of the model that is adapted; others of the paired model say nothing.
        config: the paired model, and how far it is trusted.
        folder: gets the labels.
        device: where the model runs.
        on_frame: called after every frame with the number done and in all; may raise to stop.

    Raises:
        ModelError: the model cannot be read, or its scores are not finite.
        OSError: the disk is full.
    """
    if not (folder / _META_FILE).exists():
        assert frames.paired is not None
        segmenter = Segmenter.from_folder(resolve_model(config.paired_model), device)
        try:
            table = paired_classes(segmenter.config.label_set, label_set)
            by_day = np.isin(label_set.names, config.paired_by_day)  # (K,)
            counting, stays = [], []
            with (folder / _LABELS_FILE).open("wb") as file:
                for index, image in enumerate(frames.paired):
                    image = np.asarray(image)
                    (seen,) = segmenter.segment([image])
                    labels, weight = judge(image, table[seen.labels], seen.confidence, config)
                    stays.append(by_day & is_of_night(image, config))
                    unseen = np.isin(labels, np.flatnonzero(stays[-1]))
                    labels[unseen], weight[unseen] = IGNORE, 0
                    if image.any():
                        counting.append(float((weight > 0).mean()))
                    file.write(np.stack([labels, weight], axis=-1).tobytes())
                    on_frame(index + 1, len(frames))
            durable.sync(folder / _LABELS_FILE)
        finally:
            segmenter.close()
        share = float(np.mean(counting)) if counting else 0.0
        durable.write_json(folder / _META_FILE, {"share": share, "stays": np.array(stays).tolist()})
    return PairedLabels(folder, frames)


def is_of_night(image: np.ndarray, config: PairedConfig) -> bool:
    """Whether an image, uint8 (h, w, 3), is too dark to be one of day."""
    return bool(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).mean() / 255 < config.paired_day)


def judge(
    image: np.ndarray, labels: np.ndarray, confidence: np.ndarray, config: PairedConfig
) -> tuple[np.ndarray, np.ndarray]:
    """How far the labels of a colour image are trusted.

    Args:
        image: uint8 (h, w, 3); black where there is none.
        labels: uint8 (h, w), class ids or `IGNORE`.
        confidence: uint8 (h, w), probability of the label, 255 = certain.
        config: thresholds.

    Returns:
        the labels that count, uint8 (h, w), and their weights, 255 for 1; `IGNORE` and 0 where one does not.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    around = cv2.GaussianBlur(grey, (0, 0), max(0.5, _AROUND * grey.shape[1])) / 255
    bright = np.clip((around - config.paired_dark) / (config.paired_bright - config.paired_dark), 0, 1)
    weight = np.where(grey > 0, bright, 0) * (confidence / 255)
    counts = (weight >= config.paired_confidence) & (weight > 0) & (labels != IGNORE)
    weight = np.ceil(np.where(counts, weight, 0) * 255).astype(np.uint8)
    return np.where(counts, labels, IGNORE).astype(np.uint8), weight
