# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Scores of a test set as data, as a table's rows and as a picture."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from madm_model.charts import matrix_chart
from madm_model.evaluation.miou import ConfusionMatrix
from madm_model.evaluation.protocol import Counted
from madm_model.labels import LabelSet
from madm_model.pictures import save_png

REPORT_FILE, PICTURE_FILE = "evaluation.json", "confusion.png"


def scores_of(matrix: ConfusionMatrix, label_set: LabelSet) -> dict[str, Any]:
    """All scores of a confusion matrix, as shares of 0 to 1; None where there is none.

    miou is the official mean, whose divisor counts classes that are predicted but not there; miou_of_present is the
    mean over the classes that are there. The others are detectron2's: mean accuracy of the classes, accuracy of the
    pixels, IoU weighted by the classes' pixels. Classes that are not to be scored are in no mean but the pixels'.
    """
    scored = np.array([name not in label_set.not_scored for name in label_set.names])
    scores = matrix.scores(np.flatnonzero(~scored))
    truth = matrix.counts.sum(axis=0)
    hits = np.diag(matrix.counts[:-1])
    present = (truth > 0) & scored
    share = truth[present] / max(truth[present].sum(), 1)
    named = zip(label_set.names, scores.class_iou)
    return {
        "miou": _number(scores.miou),
        "miou_of_present": _number(float(scores.class_iou[present].mean()) if present.any() else math.nan),
        "frequency_weighted_iou": _number(float((share * scores.class_iou[present]).sum())),
        "mean_accuracy": _number(float((hits[present] / truth[present]).mean()) if present.any() else math.nan),
        "pixel_accuracy": _number(scores.pixel_accuracy),
        "class_iou": {name: _number(float(iou)) for name, iou in named},
    }


def report_of(counted: Counted, label_set: LabelSet, about: dict[str, Any], has_half: bool) -> dict[str, Any]:
    """What is written down of an evaluation.

    Args:
        counted: on the test set.
        label_set: the classes.
        about: model, data set, protocol and the like.
        has_half: whether the images are a whole test set, so that its official half means something.
    """
    half = {"official_half": scores_of(counted.official_half, label_set)} if has_half else {}
    return {
        **about,
        "images": counted.images,
        "whole": scores_of(counted.whole, label_set),
        **half,
        "classes": list(label_set.names),
        "confusion": counted.whole.counts.tolist(),
    }


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """Write evaluation.json (rows of the matrix are predictions, the last one pixels without; columns the truth) and
    confusion.png.

    Raises:
        OSError: they cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REPORT_FILE).write_text(json.dumps(report, indent=1) + "\n")
    counts = np.asarray(report["confusion"])[:-1]
    share = counts / counts.sum(axis=0, keepdims=True).clip(min=1)
    title = f"{report['model']} on {report['dataset']} {report['split']}: what the pixels of a class are taken for, %"
    save_png(folder / PICTURE_FILE, matrix_chart(share.T, report["classes"], title))


def _number(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
