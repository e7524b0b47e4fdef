# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm benchmark score`: the same numbers as the benchmark's own, and recall at other operating points."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from adaptation_samples import CONFIG, MINIATURE, write_source
from typer.testing import CliRunner

from madm_model.benchmark.frame_scores import score_frames
from madm_model.benchmark.street_scores import Box, BoxCount, OperatingCurve
from madm_model.checkpoint.model_folder import save_model
from madm_model.cli.app import app
from madm_model.io.frames import InputError
from madm_model.labels import STREET_11
from madm_model.network.madm import MADM
from madm_model.segmenter import Segmenter

PERSON = 3


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("scored") / "model"
    save_model(folder, MADM(MINIATURE, len(STREET_11)).eval(), CONFIG, torch.float16)
    return folder


@pytest.fixture(scope="module")
def streets(tmp_path_factory) -> Path:
    """Two frames of 48x32 pixels with a person in one, labels of one, and a labelled source."""
    folder, rng = tmp_path_factory.mktemp("streets"), np.random.default_rng(0)
    (folder / "ir").mkdir()
    (folder / "labels").mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / "ir" / name), rng.integers(0, 255, (32, 48), np.uint8))
    cv2.imwrite(str(folder / "labels/a.png"), np.full((32, 48), 5, np.uint8))
    boxes = {"a.png": [{"class": "person", "xyxy": [0, 0, 10.5, 20]}], "b.png": []}
    (folder / "boxes.json").write_text(json.dumps(boxes))
    write_source(folder / "source", 2)
    return folder


def _scores_of_person(margins: np.ndarray) -> np.ndarray:
    """Scores (K, H, W) whose margin of person over the best other class is the given one, (H, W)."""
    scores = np.zeros((11, *margins.shape), np.float32)
    scores[PERSON] = margins
    return scores


def test_recall_at_a_precision_is_that_of_the_best_threshold_tried_by_hand():
    rng = np.random.default_rng(3)
    frames = []
    for surer in (2.0, 1.5, 1.0, 0.5, 0.0, -0.5):
        boxes = [Box(PERSON, (2, 2, 6, 7)), Box(8, (0, 0, 9, 9))]
        margins = rng.normal(size=(12, 16)).astype(np.float32)
        margins[boxes[0].pixels] += surer
        frames.append((margins, boxes))
    frames.append((rng.normal(size=(12, 16)).astype(np.float32), []))
    curve, wanted = OperatingCurve(PERSON), 0.3
    for margins, boxes in frames:
        curve.add(_scores_of_person(margins), boxes)
    best = 0.0
    for threshold in np.unique(np.concatenate([margins.ravel() for margins, _ in frames])):
        count = BoxCount(PERSON)
        for margins, boxes in frames:
            count.add(np.where(margins >= threshold, PERSON, 0), boxes)
        if count.precision >= wanted:
            best = max(best, count.recall)
    assert 0 < best < 1
    assert curve.recall_at(wanted) == best
    assert curve.recall_at(0.0) == 1 and curve.recall_at(1.0) == 0.0


def test_f1_is_the_harmonic_mean():
    count = BoxCount(PERSON)
    labels = np.zeros((10, 10), np.uint8)
    labels[:4, :4] = PERSON  # 8 of 16 pixels in a box, one of two boxes found
    count.add(labels, [Box(PERSON, (0, 0, 2, 4)), Box(PERSON, (6, 6, 9, 9))])
    assert count.f1 == pytest.approx(2 * 0.5 * 0.5 / (0.5 + 0.5))
    missed = BoxCount(PERSON)
    missed.add(np.zeros((4, 4), np.uint8), [Box(PERSON, (0, 0, 2, 2))])
    assert missed.f1 == 0


def test_labels_are_those_of_the_segmenter(model, streets):
    segmenter = Segmenter.from_folder(model, "cpu")
    image = cv2.imread(str(streets / "ir/a.png"))
    assert np.array_equal(segmenter.scores(image).argmax(axis=0), segmenter.segment([image])[0].labels)


def test_a_model_is_scored_from_the_command_line(model, streets, tmp_path):
    out = tmp_path / "scores.json"
    frames = ["--ir", str(streets / "ir"), "--boxes", str(streets / "boxes.json"), "--labels", str(streets / "labels")]
    arguments = ["benchmark", "score", str(model), *frames, "--source", str(streets / "source"), "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    scores = json.loads(out.read_text())
    assert {"person recall", "person F1", "person recall at precision 40", "mIoU (b)", "mIoU (c)"} <= scores.keys()
    assert "vehicle recall" not in scores  # no such boxes
    sure = CliRunner().invoke(app, [*arguments, "--class-bias", "person=20"])
    assert sure.exit_code == 0, sure.output
    assert json.loads(out.read_text())["person recall"] == 100
    assert "recall" in result.output and f"mIoU (b): {scores['mIoU (b)']:.1f}" in result.output


def test_frames_and_boxes_have_to_belong_together(model, streets, tmp_path):
    segmenter = Segmenter.from_folder(model, "cpu")
    boxes = tmp_path / "boxes.json"
    boxes.write_text('{"a.png": []}')
    with pytest.raises(InputError, match=r"does not name b\.png"):
        score_frames(segmenter, streets / "ir", boxes)
    boxes.write_text('{"a.png": [], "b.png": [], "c.png": [], "d.png": []}')
    with pytest.raises(InputError, match=r"names c\.png and 1 more, which .* does not hold"):
        score_frames(segmenter, streets / "ir", boxes)
    with pytest.raises(InputError, match="is no directory of images"):
        score_frames(segmenter, streets / "nowhere", boxes)
    with pytest.raises(InputError, match="cannot be read"):
        score_frames(segmenter, streets / "ir", tmp_path / "none.json")
    boxes.write_text('{"a.png": [{"class": "dog", "xyxy": [0, 0, 1, 1]}], "b.png": []}')
    with pytest.raises(InputError, match="does not hold boxes like"):
        score_frames(segmenter, streets / "ir", boxes)
