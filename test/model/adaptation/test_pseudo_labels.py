# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Arg-max of every pixel, and which pixels count: by one threshold for all, or by one per class."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from madm_model.adaptation.config import SelfTrainingConfig
from madm_model.adaptation.pseudo_labels import Certainty


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    """Two-class logits of a batch of 1 x n images, from the probability of class 1 per pixel."""
    first = torch.tensor(probabilities, dtype=torch.float64)
    return torch.stack([(1 - first).log(), first.log()], dim=1)[:, :, None]


def by_image(threshold: float, classes: int) -> Certainty:
    return Certainty(SelfTrainingConfig(threshold), classes)


def by_class(share: float, threshold: float = 0.968, classes: int = 2) -> Certainty:
    return Certainty(SelfTrainingConfig(threshold, "class", share), classes)


def test_all_pixels_are_labelled_and_certain_ones_counted():
    logits = logits_of([[0.99, 0.6, 0.01, 0.4], [0.97, 0.96, 0.5001, 0.02]])
    result = by_image(0.968, 2).label(logits)
    assert result.labels.tolist() == [[[1, 1, 0, 0]], [[1, 1, 1, 0]]]
    # certain: 0.99, 0.99 (class 0), 0.97, 0.98 (class 0)
    assert result.quality == pytest.approx(4 / 8)
    assert result.confidence == pytest.approx((0.99 + 0.6 + 0.99 + 0.6 + 0.97 + 0.96 + 0.5001 + 0.98) / 8, abs=1e-6)
    assert torch.equal(result.weight, torch.full((2, 1, 4), 0.5))
    assert result.certain == pytest.approx([2 / 3, 2 / 5])


def test_threshold_itself_is_certain():
    assert by_image(0.25, 4).label(torch.zeros(1, 4, 2, 2)).quality == 1.0
    assert by_image(0.2501, 4).label(torch.zeros(1, 4, 2, 2)).quality == 0.0


def test_no_gradient():
    logits = torch.zeros(1, 2, 2, 2, requires_grad=True)
    assert not by_image(0.5, 2).label(logits).labels.requires_grad


def test_the_surest_of_every_class_count_however_unsure_the_class_is():
    logits = logits_of([[0.9, 0.8, 0.7, 0.6, 0.45, 0.48, 0.499, 0.4999]])
    result = by_class(0.5).label(logits)
    assert result.weight.tolist() == [[[1, 1, 0, 0, 1, 1, 0, 0]]]
    assert result.certain.tolist() == [0.5, 0.5]
    assert result.quality == 0.5


def test_what_reaches_the_threshold_of_all_is_certain_in_any_case():
    sure = by_class(0.25, threshold=0.9).label(logits_of([[0.99, 0.98, 0.97, 0.96]]))
    assert sure.weight.tolist() == [[[1, 1, 1, 1]]]


def test_thresholds_follow_slowly_and_only_of_classes_that_are_there():
    certainty = by_class(0.5)
    assert certainty.thresholds.tolist() == pytest.approx([0.968, 0.968])
    certainty.label(logits_of([[0.9, 0.8, 0.7, 0.6]]))
    first = certainty.thresholds.clone()
    assert first.tolist() == pytest.approx([0.968, 0.8])  # no pixel of class 0
    certainty.label(logits_of([[0.56, 0.55, 0.54, 0.53]]))
    assert certainty.thresholds.tolist() == pytest.approx([0.968, 0.9 * 0.8 + 0.1 * 0.55])


def test_thresholds_go_on_from_a_checkpoint():
    first = by_class(0.5)
    first.label(logits_of([[0.9, 0.8, 0.3, 0.6]]))
    second = by_class(0.5)
    second.load_state_dict({name: value.clone() for name, value in first.state_dict().items()})
    logits = logits_of([[0.7, 0.75, 0.2, 0.4]])
    assert torch.equal(first.label(logits).weight, second.label(logits).weight)
    assert torch.equal(first.thresholds, second.thresholds)


def test_a_class_without_a_pixel_has_no_share():
    assert np.isnan(by_image(0.9, 2).label(logits_of([[0.9, 0.8]])).certain[0])
