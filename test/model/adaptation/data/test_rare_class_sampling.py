# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Class probabilities, images of a class, re-cropping."""

from __future__ import annotations

import numpy as np
import pytest

from madm_model.adaptation.data.rare_class_sampling import (
    RareClassConfig,
    RareClassSampler,
    class_probabilities,
)
from madm_model.labels import count_pixels


def test_probabilities_by_hand():
    # softmax of (0.2, 0.8) / 0.5
    odds = np.exp((0.8 - 0.2) / 0.5)
    assert class_probabilities(np.array([0.8, 0.2]), 0.5) == pytest.approx([1 / (1 + odds), odds / (1 + odds)])


def test_official_temperature_ignores_common_classes():
    probabilities = class_probabilities(np.array([0.5, 0.49, 0.01, 0.0]), 0.01)
    assert probabilities.sum() == pytest.approx(1)
    assert probabilities[3] == pytest.approx(np.e / (1 + np.e), abs=1e-6)


def test_draws_an_image_that_holds_the_class():
    counts = np.array([[90, 10, 0], [100, 0, 0], [50, 49, 1]])
    sampler = RareClassSampler(counts, RareClassConfig(temperature=1.0, image_share=0.05))
    rng = np.random.default_rng(0)
    draws = {sampler.draw(rng) for _ in range(300)}
    # class 2 has one pixel of a hundred: below the threshold, so never drawn
    assert draws == {(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)}


def test_the_share_is_of_the_whole_image_where_its_size_is_given():
    counts, config = np.array([[46, 4]]), RareClassConfig(temperature=1.0, image_share=0.05)  # half has no class
    rng = np.random.default_rng(0)
    of_labelled, of_image = RareClassSampler(counts, config), RareClassSampler(counts, config, image_pixels=100)
    assert {of_labelled.draw(rng)[0] for _ in range(50)} == {0, 1}
    assert {of_image.draw(rng)[0] for _ in range(50)} == {0}


def test_crops_until_the_class_shows():
    sampler = RareClassSampler(np.array([[1, 1]]), RareClassConfig(crop_share=0.25, attempts=10))
    labels = [np.array([[0, 0], [0, 1]]), np.array([[0, 1], [0, 1]]), np.array([[1, 1], [1, 1]])]
    crops = iter([(np.zeros((2, 2, 3)), label) for label in labels])
    _image, label = sampler.crop(1, lambda: next(crops))
    assert label is labels[1]  # a quarter is not more than a quarter


def test_gives_up_after_the_attempts():
    sampler = RareClassSampler(np.array([[1, 1]]), RareClassConfig(attempts=4))
    calls = []

    def nothing():
        calls.append(1)
        return np.zeros((2, 2, 3)), np.zeros((2, 2))

    sampler.crop(1, nothing)
    assert len(calls) == 4


def test_unlabelled_source_is_refused():
    with pytest.raises(ValueError, match="labelled"):
        RareClassSampler(np.zeros((3, 2), int), RareClassConfig())


def test_official_thresholds():
    config = RareClassConfig()
    assert config.crop_share * 512 * 512 == 1500
    assert config.image_share * 1024 * 2048 == 3000


def test_count_leaves_ignored_pixels_out():
    assert count_pixels(np.array([[0, 2], [255, 2]], np.uint8), 4).tolist() == [1, 0, 2, 0]
