# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Charts: where lines lie."""

from __future__ import annotations

import math

import numpy as np
import pytest

from madm_model.charts import line_chart


def rows_of_the_line(image: np.ndarray) -> np.ndarray:
    """Rows with a pixel as blue as the first line, above the legend."""
    red, _, blue = np.moveaxis(image[:-20].astype(int), 2, 0)
    return np.flatnonzero((blue - red > 60).any(axis=1))


@pytest.mark.parametrize("from_zero, spread", [(True, (0, 20)), (False, (150, 260))])
def test_small_differences_are_seen_where_the_axis_need_not_have_zero(from_zero, spread) -> None:
    image = line_chart([0, 1, 1, 2], {"a": [34.0, 34.0, 35.0, 35.0]}, "title", (260, 720), from_zero)
    rows = rows_of_the_line(image)
    assert image.shape == (260, 720, 3)
    assert spread[0] <= rows.max() - rows.min() <= spread[1]


@pytest.mark.parametrize("from_zero", [True, False])
@pytest.mark.parametrize("values", [[], [math.nan], [3.0], [3.0, 3.0], [math.inf, 1.0]])
def test_few_or_no_values_give_a_chart(values, from_zero) -> None:
    assert line_chart(list(range(len(values))), {"a": values}, "t", from_zero=from_zero).shape == (260, 720, 3)
