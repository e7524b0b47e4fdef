# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""ClassMix on images of four pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from madm_model.adaptation.class_mix import choose_half, class_mix

SOURCE = torch.full((1, 3, 2, 2), 1.0)
TARGET = torch.full((1, 3, 2, 2), -1.0)
LABELS = torch.tensor([[[0, 255], [3, 3]]])
PSEUDO = torch.tensor([[[5, 6], [7, 8]]])


def first_half(classes, rng):
    return classes[: (len(classes) + 1) // 2]


def test_image_label_and_weight_come_from_the_same_side():
    mixed = class_mix(SOURCE, LABELS, TARGET, PSEUDO, 0.3, np.random.default_rng(0), first_half)  # pastes 0 and 3
    assert mixed.labels.tolist() == [[[0, 6], [3, 3]]]
    assert mixed.images[0, 0].tolist() == [[1, -1], [1, 1]]
    assert torch.equal(mixed.images[:, 0], mixed.images[:, 2])
    assert torch.allclose(mixed.pixel_weight, torch.tensor([[[1, 0.3], [1, 1]]]))
    assert mixed.pasted_share == pytest.approx(0.75)


def test_ignored_pixels_are_a_class():
    def last(classes, rng):
        assert classes.tolist() == [0, 3, 255]
        return classes[-1:]

    mixed = class_mix(SOURCE, LABELS, TARGET, PSEUDO, 0.3, np.random.default_rng(0), last)
    assert mixed.labels.tolist() == [[[5, 255], [7, 8]]]


def test_classes_of_the_batch_but_a_choice_per_image():
    labels = torch.tensor([[[0, 1], [0, 1]], [[2, 3], [2, 3]]])
    offered = []

    def record(classes, rng):
        offered.append(classes.tolist())
        return np.array([0]) if len(offered) == 1 else np.array([2])

    mixed = class_mix(
        SOURCE.repeat(2, 1, 1, 1), labels, TARGET.repeat(2, 1, 1, 1), labels + 10, 0.0, np.random.default_rng(0), record
    )
    assert offered == [[0, 1, 2, 3]] * 2
    assert mixed.labels.tolist() == [[[0, 11], [0, 11]], [[2, 13], [2, 13]]]


@pytest.mark.parametrize(("count", "chosen"), [(1, 1), (2, 1), (3, 2), (4, 2), (7, 4)])
def test_half_is_rounded_up_without_repeats(count, chosen):
    classes = np.arange(count) * 2
    picked = choose_half(classes, np.random.default_rng(5))
    assert len(picked) == chosen == len(set(picked.tolist()))
    assert set(picked.tolist()) <= set(classes.tolist())


def test_every_class_can_be_chosen():
    rng = np.random.default_rng(0)
    assert {int(c) for _ in range(100) for c in choose_half(np.arange(6), rng)} == set(range(6))


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="same size"):
        class_mix(SOURCE, LABELS, TARGET[..., :1], PSEUDO[..., :1], 0.3, np.random.default_rng(0))
