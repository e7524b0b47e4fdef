# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a version predicts on the frames of a pool, on disk: enough to judge it, and every limit of the gate, again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from madm_model.io import durable
from madm_model.labels import IGNORE

BASE = "base"
"""Name of the version that all others are compared with."""
_SUFFIX = ".npz"


@dataclass(frozen=True)
class Origin:
    """Where a version comes from."""

    name: str
    """Unique within its pool; names the file."""
    kind: str
    """trained, mixed or shifted."""
    setting: str
    """Setting of its training, or what was done to it."""
    seed: int = -1
    """Of its training; -1 without."""
    iterations: int = 0
    """Of its training."""
    parent: str = ""
    """Version whose scores were shifted."""


@dataclass(frozen=True)
class Predictions:
    """What one version predicts on the pool's frames."""

    labels: np.ndarray
    """Of the gate's frames, uint8 (G, H, W)."""
    confidence: np.ndarray
    """Likewise, 255 for certain."""
    source: np.ndarray
    """Labels of held-out source frames, uint8 (S, H, W)."""
    truth: np.ndarray
    """Per unseen street and class its pixels hit, predicted, and in the truth, int64 (T, K, 3)."""
    ensemble: np.ndarray
    """The teacher ensemble's labels of the gate's frames, uint8 (G, H, W); (0,) without a teacher."""

    @property
    def class_iou(self) -> np.ndarray:
        """IoU per class (K,) on unseen streets; NaN for a class that is neither there nor predicted."""
        return class_iou(self.truth.sum(axis=0))


def class_counts(predicted: np.ndarray, truth: np.ndarray, num_classes: int) -> np.ndarray:
    """Per class its pixels hit, predicted, and in the truth, int64 (K, 3).

    Args:
        predicted: uint8 (H, W).
        truth: uint8 (H, W); pixels that are 255 are left out.
        num_classes: K.
    """
    known = truth != IGNORE
    predicted, truth = predicted[known], truth[known]

    def count(labels: np.ndarray) -> np.ndarray:
        return np.bincount(labels, minlength=num_classes)[:num_classes]

    return np.stack([count(truth[predicted == truth]), count(predicted), count(truth)], axis=1).astype(np.int64)


def class_iou(counts: np.ndarray) -> np.ndarray:
    """IoU per class (..., K) of such counts (..., K, 3)."""
    hit, predicted, present = np.moveaxis(counts.astype(np.float64), -1, 0)
    union = predicted + present - hit
    return np.divide(hit, union, out=np.full_like(hit, np.nan), where=union > 0)


def write(folder: Path, origin: Origin, predicted: Predictions) -> None:
    """Keep a version's predictions.

    Raises:
        OSError: the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{origin.name}{_SUFFIX}"
    np.savez_compressed(unfinished, **asdict(predicted))
    unfinished.replace(folder / f"{origin.name}{_SUFFIX}")
    durable.write_json(folder / f"{origin.name}.json", asdict(origin))


def is_written(folder: Path, name: str) -> bool:
    """Whether a version's predictions are there."""
    return (folder / f"{name}.json").exists()


def read_origin(folder: Path, name: str) -> Origin:
    """Where a version comes from."""
    return Origin(**json.loads((folder / f"{name}.json").read_text()))


def read(folder: Path, name: str) -> tuple[Origin, Predictions]:
    """One version."""
    origin = read_origin(folder, name)
    with np.load(folder / f"{name}{_SUFFIX}") as arrays:
        return origin, Predictions(**arrays)


def names(folder: Path) -> list[str]:
    """Names of all versions but the base, oldest first."""
    files = sorted(folder.glob("*.json"), key=lambda file: (file.stat().st_mtime_ns, file.name))
    return [file.stem for file in files if file.stem != BASE]


def bootstrap_difference(
    new: np.ndarray, running: np.ndarray, class_id: int, share: float = 0.95, draws: int = 1000
) -> tuple[float, float]:
    """Interval of a class's IoU of one version less that of another, by drawing streets with replacement.

    Args:
        new: `Predictions.truth` of the one.
        running: of the other, on the same streets.
        class_id: the class.
        share: of the draws that the interval holds.
        draws: how often the streets are drawn.
    """
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(new), size=(draws, len(new)))
    differences = [class_iou(one[:, class_id][chosen].sum(axis=1)) for one in (new, running)]
    difference = differences[0] - differences[1]
    edges: Sequence[float] = np.nanquantile(difference, [(1 - share) / 2, (1 + share) / 2])
    return float(edges[0]), float(edges[1])
