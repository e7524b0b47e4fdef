# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""mIoU on matrices small enough to check by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from madm_model.evaluation import ConfusionMatrix, occurring_miou
from madm_model.labels import IGNORE


def matrix_of(predicted: list[int], truth: list[int], classes: int) -> ConfusionMatrix:
    matrix = ConfusionMatrix(classes)
    matrix.add(np.array([predicted], np.uint8), np.array([truth], np.uint8))
    return matrix


def test_class_iou_and_mean():
    scores = matrix_of([0, 0, 1, 1], [0, 1, 1, 1], 2).scores()
    assert scores.class_iou == pytest.approx([1 / 2, 2 / 3])
    assert scores.miou == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores.pixel_accuracy == pytest.approx(3 / 4)


def test_absent_but_predicted_class_lowers_the_mean():
    # Specification section 20.8: class 2 has no truth, but the denominator counts it.
    scores = matrix_of([0, 1, 2], [0, 1, 1], 4).scores()
    assert scores.class_iou[:3] == pytest.approx([1.0, 0.5, 0.0])
    assert np.isnan(scores.class_iou[3])
    assert scores.miou == pytest.approx(1.5 / 3)


def test_ignored_truth_is_left_out_and_ignored_prediction_is_a_miss():
    scores = matrix_of([0, IGNORE, 1], [0, 0, IGNORE], 2).scores()
    assert scores.class_iou[0] == pytest.approx(0.5)
    assert np.isnan(scores.class_iou[1])


def test_frames_add_up():
    matrix = matrix_of([0, 1], [0, 1], 2)
    matrix.add(np.array([[1]], np.uint8), np.array([[0]], np.uint8))
    assert matrix.scores().class_iou == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(("predicted", "truth"), [([0, 1], [0]), ([5], [0]), ([0], [7])])
def test_bad_input_is_refused(predicted, truth):
    with pytest.raises(ValueError, match=r"shape|class id"):
        matrix_of(predicted, truth, 2)


def test_the_mean_leaves_out_classes_that_are_only_predicted():
    matrix = ConfusionMatrix(3)
    # class 0: 1 of 2 right, class 1: 2 of 2 right, class 2 predicted once, ignored pixel left out
    matrix.add(np.array([[0, 2, 1, 1, 2]], np.uint8), np.array([[0, 0, 1, 1, 255]], np.uint8))
    mean, class_iou = occurring_miou(matrix)
    assert mean == pytest.approx((0.5 + 1.0) / 2)
    assert class_iou[:2] == pytest.approx([0.5, 1.0]) and math.isnan(class_iou[2])
    assert matrix.scores().miou == pytest.approx(0.5)  # the official mean counts class 2
