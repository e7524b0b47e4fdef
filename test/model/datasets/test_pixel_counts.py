# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Pixel counts for Rare Class Sampling: right, kept, and counted anew where what was counted has changed."""

from __future__ import annotations

import dataset_samples as samples
import numpy as np
import pytest

from madm_model.datasets import open_dataset
from madm_model.datasets.pixel_counts import pixel_counts
from madm_model.io.frames import FrameError
from madm_model.labels import STREET_11


@pytest.fixture
def root(tmp_path):
    return samples.cityscapes(tmp_path / "cityscapes")


def counts_and_told(root, kept, label_set=None):
    told = []
    dataset = open_dataset("cityscapes", root, "train", label_set)
    return pixel_counts(dataset, kept, told.append, processes=0), sum(told)


def test_every_class_of_every_image_is_counted_once(root, tmp_path):
    counts, told = counts_and_told(root, tmp_path / "kept")
    assert counts.tolist() == [[8] * 16 + [0] * 3] * 3 and told == 3
    again, told = counts_and_told(root, tmp_path / "kept")
    assert (again == counts).all() and told == 0


def test_other_classes_and_other_files_are_counted_anew(root, tmp_path):
    counts_and_told(root, tmp_path / "kept")
    merged, told = counts_and_told(root, tmp_path / "kept", STREET_11)
    assert merged[0].tolist() == [8, 8, 8, 16, 8, 8, 8, 16, 24, 8, 16] and told == 3
    labels = root / "gtFine/train/aachen/aachen_000000_gtFine_labelTrainIds.png"
    samples.write(labels, np.full((8, 16), 255, np.uint8))
    counts, told = counts_and_told(root, tmp_path / "kept")
    assert counts.sum(axis=1).tolist() == [0, 128, 128] and told == 3


def test_damaged_counts_are_made_anew(root, tmp_path):
    counts, _told = counts_and_told(root, tmp_path / "kept")
    (file,) = (tmp_path / "kept").iterdir()
    for damaged in ("", "{}", '{"counts": [[1, 2]]}', '{"counts": [[1], [2, 3]]}'):
        file.write_text(damaged)
        again, told = counts_and_told(root, tmp_path / "kept")
        assert (again == counts).all() and told == 3


def test_a_place_that_cannot_be_written_costs_only_the_keeping(root, tmp_path, caplog):
    (tmp_path / "kept").write_text("a file")
    counts, told = counts_and_told(root, tmp_path / "kept")
    assert counts.sum() == 3 * 128 and told == 3
    assert "cannot be kept" in caplog.text


def test_other_processes_count_the_same(root, tmp_path):
    dataset = open_dataset("cityscapes", root, "train")
    here, there = (pixel_counts(dataset, tmp_path / str(number), processes=number) for number in (0, 1))
    assert (here == there).all()


def test_a_bad_file_is_named(root, tmp_path):
    (root / "gtFine/train/bochum/bochum_000000_000313_gtFine_labelTrainIds.png").write_bytes(b"no image")
    with pytest.raises(FrameError, match="bochum_000000_000313"):
        counts_and_told(root, tmp_path / "kept")
