# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Loss normalisers on hand-made 2x2 cases with ignored pixels (specification section 20.6)."""

from __future__ import annotations

import math

import pytest
import torch

from madm_model.labels import IGNORE
from madm_model.training.losses import latent_regression_loss, segmentation_loss

LABELS = torch.tensor([[[0, 1], [IGNORE, IGNORE]]])


def test_segmentation_loss_divides_by_all_pixels():
    # Equal logits of two classes cost log 2 at each of the two labelled pixels of four.
    assert segmentation_loss(torch.zeros(1, 2, 2, 2), LABELS).item() == pytest.approx(math.log(2) * 2 / 4)


def test_segmentation_loss_weights_pixels():
    weight = torch.tensor([[[0.5, 0.0], [1.0, 1.0]]])
    loss = segmentation_loss(torch.zeros(1, 2, 2, 2), LABELS, weight)
    assert loss.item() == pytest.approx(math.log(2) * 0.5 / 4)


def test_segmentation_loss_resizes_logits_to_the_labels():
    logits = torch.tensor([[[[3.0]], [[0.0]]]])
    loss = segmentation_loss(logits, torch.zeros(1, 2, 2, dtype=torch.long))
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-3)), rel=1e-4)


def test_latent_regression_masks_but_divides_by_all_elements():
    latent, target = torch.full((1, 4, 2, 2), 3.0), torch.full((1, 4, 2, 2), 1.0)
    assert latent_regression_loss(latent, target, LABELS).item() == pytest.approx(2.0 * 2 / 4)


def test_latent_regression_takes_the_image_weight_and_a_finer_label():
    latent, target = torch.ones(1, 4, 1, 1), torch.zeros(1, 4, 1, 1)
    # Nearest-downsampling takes the upper left pixel, which is labelled.
    assert latent_regression_loss(latent, target, LABELS, 0.25).item() == pytest.approx(0.25)
