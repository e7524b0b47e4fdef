# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Batches of data sets: classes, crops, rare classes and the share of the target."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from madm_model.dataset_training.data import DatasetData, class_table
from madm_model.io.frames import InputError
from madm_model.labels import CITYSCAPES_19, STREET_9, STREET_11


class Pictures:
    """Images of one grey each, their number; the last one alone has class 11 (person), in its left half."""

    name, modality, label_set, training_size = "cityscapes", "rgb", CITYSCAPES_19, (16, 24)

    def __init__(self, count: int = 5) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def file_name(self, index: int) -> str:
        return f"{index}"

    def image(self, index: int) -> np.ndarray:
        return np.full((32, 48, 3), index * 10, np.uint8)

    def labels(self, index: int) -> np.ndarray:
        labels = np.full((32, 48), 0, np.uint8)
        if index == self._count - 1:
            labels[:, :24] = 11
        return labels

    def pixel_counts(self) -> np.ndarray:
        return np.stack([np.bincount(self.labels(index).ravel(), minlength=19) for index in range(self._count)])


class Target(Pictures):
    name, modality, label_set = "fmb", "thermal", STREET_9

    def labels(self, index: int) -> np.ndarray:
        raise AssertionError("the target's labels are not read")


def make(**arguments) -> DatasetData:
    source = Pictures()
    values = {"crop": (16, 16), "batch_size": 3} | arguments
    return DatasetData(source, source.pixel_counts(), Target(20), STREET_9, **values)


def test_rare_classes_come_first_and_labels_are_the_networks():
    batch = make().source(np.random.default_rng(0))
    assert batch.images.shape == (3, 3, 16, 16)
    assert batch.labels.dtype == torch.int64
    # The rarer class is always chosen at temperature 0.01, and shown in every crop.
    assert batch.images.unique().tolist() == pytest.approx([40 / 127.5 - 1])
    person = STREET_9.names.index("person")
    assert all((labels == person).any() for labels in batch.labels)
    assert set(batch.labels.unique().tolist()) <= {person, STREET_9.names.index("road")}


def test_class_shares_are_of_the_networks_classes():
    shares = dict(zip(STREET_9.names, make().class_shares()))
    assert (shares["road"], shares["person"]) == pytest.approx((0.9, 0.1))
    assert sum(shares.values()) == pytest.approx(1)


def test_images_are_resized_then_cropped_and_mirrored():
    data = make(source_size=(16, 16), batch_size=1)
    labels = [data.source(np.random.default_rng(seed)).labels[0] for seed in range(8)]
    person = STREET_9.names.index("person")
    sides = {bool((crop[:, 0] == person).all()) for crop in labels}
    assert sides == {True, False}
    assert all((crop == person).float().mean() == 0.5 for crop in labels)


def test_a_share_of_the_target_is_drawn_by_the_seed():
    first, same, other = (make(target_share=0.25, seed=seed) for seed in (1, 1, 2))
    assert len(first.target_indices) == 5
    assert first.target_indices.tolist() == same.target_indices.tolist() != other.target_indices.tolist()
    rng = np.random.default_rng(3)
    seen = {round((value + 1) * 12.75) for _ in range(20) for value in first.target(rng).unique().tolist()}
    assert seen == set(first.target_indices.tolist())
    assert make().target_indices.tolist() == list(range(20))


def test_a_batch_follows_from_the_generator():
    data = make(batch_size=1)
    one, two = (data.target(np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(one, two)
    assert one.shape == (1, 3, 16, 16)


def test_crops_have_to_fit():
    with pytest.raises(InputError, match="larger than cityscapes's images"):
        make(crop=(32, 16))


def test_classes_go_by_their_names():
    table = class_table(Pictures(), STREET_11)
    assert table[:19].tolist() == [5, 6, 1, 9, 2, 4, 10, 10, 7, 7, 0, 3, 3, 8, 8, 8, 8, 8, 8]
    assert (table[19:] == 255).all()
    assert class_table(Pictures(), CITYSCAPES_19)[:19].tolist() == list(range(19))
    assert class_table(Target(), STREET_11)[: len(STREET_9)].tolist() == [0, 1, 3, 4, 5, 6, 7, 8, 10]
