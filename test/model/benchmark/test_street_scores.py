# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Box scores on hand-made frames."""

from __future__ import annotations

import math

import numpy as np
import pytest

from madm_model.benchmark.street_scores import Box, BoxCount

PERSON, VEHICLE = 3, 8


def _labels(*regions: tuple[int, slice, slice]) -> np.ndarray:
    labels = np.zeros((10, 10), np.uint8)
    for class_id, rows, columns in regions:
        labels[rows, columns] = class_id
    return labels


def test_a_box_covers_the_pixels_it_touches():
    assert Box(PERSON, (1.5, 2.0, 3.2, 5.0)).pixels == (slice(2, 5), slice(1, 4))
    assert Box(PERSON, (-0.5, -3.0, 2.0, 1.5)).pixels == (slice(0, 2), slice(0, 2))


@pytest.mark.parametrize("hits, found", [(3, 0), (4, 1)])
def test_a_box_is_found_from_a_quarter_of_its_pixels(hits, found):
    labels = _labels()
    labels[0, :hits] = PERSON
    count = BoxCount(PERSON)
    count.add(labels, [Box(PERSON, (0, 0, 4, 4))])  # 16 pixels
    assert count.recall == found


def test_recall_and_precision_over_frames():
    count = BoxCount(PERSON)
    # 8 pixels predicted, 6 of them in the box of 6; a second box without any
    count.add(_labels((PERSON, slice(0, 2), slice(0, 4))), [Box(PERSON, (0, 0, 3, 2)), Box(PERSON, (6, 6, 9, 9))])
    # 4 pixels predicted in a frame without a person: the vehicle's box is not one
    count.add(_labels((PERSON, slice(0, 2), slice(0, 2))), [Box(VEHICLE, (0, 0, 2, 2))])
    assert count.recall == 1 / 2
    assert count.precision == 6 / 12


def test_overlapping_boxes_count_a_pixel_once_for_precision():
    count = BoxCount(VEHICLE)
    count.add(_labels((VEHICLE, slice(0, 4), slice(0, 4))), [Box(VEHICLE, (0, 0, 2, 4)), Box(VEHICLE, (1, 0, 3, 4))])
    assert count.recall == 1
    assert count.precision == 12 / 16


def test_one_class_everywhere_finds_every_box():
    count = BoxCount(PERSON)
    count.add(np.full((10, 10), PERSON, np.uint8), [Box(PERSON, (2, 2, 4, 4))])
    assert (count.recall, count.precision) == (1, 4 / 100)


def test_nothing_to_count_is_no_number():
    count = BoxCount(PERSON)
    count.add(_labels(), [])
    assert math.isnan(count.recall) and math.isnan(count.precision)
