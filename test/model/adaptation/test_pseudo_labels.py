# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Arg-max of every pixel, and the quality weight over the whole batch."""

from __future__ import annotations

import pytest
import torch

from madm_model.adaptation.pseudo_labels import pseudo_labels


def logits_of(probabilities: list[list[float]]) -> torch.Tensor:
    """Two-class logits of a batch of 1 x n images, from the probability of class 1 per pixel."""
    first = torch.tensor(probabilities, dtype=torch.float64)
    return torch.stack([(1 - first).log(), first.log()], dim=1)[:, :, None]


def test_all_pixels_are_labelled_and_certain_ones_counted():
    logits = logits_of([[0.99, 0.6, 0.01, 0.4], [0.97, 0.96, 0.5001, 0.02]])
    result = pseudo_labels(logits, 0.968)
    assert result.labels.tolist() == [[[1, 1, 0, 0]], [[1, 1, 1, 0]]]
    # certain: 0.99, 0.99 (class 0), 0.97, 0.98 (class 0)
    assert result.quality == pytest.approx(4 / 8)
    assert result.confidence == pytest.approx((0.99 + 0.6 + 0.99 + 0.6 + 0.97 + 0.96 + 0.5001 + 0.98) / 8, abs=1e-6)


def test_threshold_itself_is_certain():
    assert pseudo_labels(torch.zeros(1, 4, 2, 2), 0.25).quality == 1.0
    assert pseudo_labels(torch.zeros(1, 4, 2, 2), 0.2501).quality == 0.0


def test_no_gradient():
    logits = torch.zeros(1, 2, 2, 2, requires_grad=True)
    assert not pseudo_labels(logits, 0.5).labels.requires_grad
