# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""mIoU of many confusion matrices at once, and intervals by drawing blocks of frames."""

from __future__ import annotations

import numpy as np
import pytest

from madm_model.evaluation import ConfusionMatrix
from madm_model.evaluation.bootstrap import miou_interval, miou_of


def counts(rng: np.random.Generator, right: float, classes: int = 4) -> np.ndarray:
    """Of a block whose pixels are labelled right that often."""
    matrix = ConfusionMatrix(classes)
    truth = rng.integers(classes - 1, size=(20, 20)).astype(np.uint8)
    guess = rng.integers(classes, size=truth.shape).astype(np.uint8)
    matrix.add(np.where(rng.random(truth.shape) < right, truth, guess).astype(np.uint8), truth)
    return matrix.counts


def test_it_is_counted_as_everywhere() -> None:
    matrix = ConfusionMatrix(4)
    matrix.counts = counts(np.random.default_rng(0), 0.5)
    assert miou_of(np.stack([matrix.counts, 2 * matrix.counts])) == pytest.approx(2 * [matrix.scores().miou])
    assert np.isnan(miou_of(np.zeros((5, 4), np.int64)))


def test_intervals_hold_the_value_and_tell_a_difference() -> None:
    rng = np.random.default_rng(1)
    worse, better = (np.stack([counts(rng, right + 0.1 * rng.random()) for _ in range(12)]) for right in (0.5, 0.7))
    low, high = miou_interval(worse)
    assert low < miou_of(worse.sum(axis=0)) < high < low + 0.2
    low, high = miou_interval(better, worse)
    assert 0 < low < miou_of(better.sum(axis=0)) - miou_of(worse.sum(axis=0)) < high
    assert miou_interval(worse, worse) == (0, 0)
    both = np.stack([worse, better])
    assert (
        miou_interval(both)[0] < (miou_of(worse.sum(axis=0)) + miou_of(better.sum(axis=0))) / 2 < miou_interval(both)[1]
    )
    assert miou_interval(both, both[::-1]) == pytest.approx((0, 0), abs=1e-9)
