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
