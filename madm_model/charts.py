# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Charts drawn with OpenCV: enough for a report, no plotting library needed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

_FONT, _INK, _GRID = cv2.FONT_HERSHEY_SIMPLEX, (40, 40, 40), (225, 225, 225)
_COLOURS = ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75))
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 30, 36


def line_chart(
    x: Sequence[float],
    lines: Mapping[str, Sequence[float]],
    title: str,
    size: tuple[int, int] = (260, 720),
    from_zero: bool = True,
) -> np.ndarray:
    """Draw named lines over a common x axis.

    Args:
        x: values of the x axis, rising.
        lines: name to values, as many as x; what is not finite leaves a gap.
        title: written above.
        size: height and width in pixels.
        from_zero: whether 0 is on the y axis; if not, it spans the values, and small differences are seen.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    height, width = size
    image = np.full((height, width, 3), 255, np.uint8)
    finite = [value for values in lines.values() for value in values if math.isfinite(value)]
    seen = [*finite, 0.0] if from_zero or not finite else finite
    low, high = min(seen), max(seen)
    high = high if high > low else low + 1.0
    first, last = (x[0], x[-1]) if len(x) else (0.0, 1.0)
    span = (last - first) or 1.0

    def place(position: float, value: float) -> tuple[int, int]:
        column = _LEFT + (position - first) / span * (width - _LEFT - _RIGHT)
        row = height - _BOTTOM - (value - low) / (high - low) * (height - _TOP - _BOTTOM)
        return round(column), round(row)

    for share in np.linspace(0, 1, 5):
        value = low + float(share) * (high - low)
        row = place(first, value)[1]
        cv2.line(image, (_LEFT, row), (width - _RIGHT, row), _GRID, 1)
        cv2.putText(image, f"{value:.3g}", (6, row + 4), _FONT, 0.38, _INK, 1, cv2.LINE_AA)
    for position in (first, last):
        column = place(position, low)[0] - (0 if position == first else 34)
        cv2.putText(image, f"{position:g}", (column, height - _BOTTOM + 14), _FONT, 0.38, _INK, 1, cv2.LINE_AA)
    cv2.putText(image, title, (_LEFT, 18), _FONT, 0.48, _INK, 1, cv2.LINE_AA)

    column = _LEFT
    for (name, values), colour in zip(lines.items(), _COLOURS):
        _draw_line(image, [place(*point) if math.isfinite(point[1]) else None for point in zip(x, values)], colour)
        cv2.line(image, (column, height - 8), (column + 14, height - 8), colour, 2)
        cv2.putText(image, name, (column + 18, height - 4), _FONT, 0.36, _INK, 1, cv2.LINE_AA)
        column += 32 + cv2.getTextSize(name, _FONT, 0.36, 1)[0][0]
    return image


def _draw_line(image: np.ndarray, points: Sequence[tuple[int, int] | None], colour: tuple[int, int, int]) -> None:
    if len(points) == 1 and points[0] is not None:
        cv2.circle(image, points[0], 3, colour, -1)
    for start, end in itertools.pairwise(points):
        if start is not None and end is not None:
            cv2.line(image, start, end, colour, 1, cv2.LINE_AA)


def matrix_chart(shares: np.ndarray, names: Sequence[str], title: str) -> np.ndarray:
    """Draw a square matrix as shaded cells with their value in percent.

    Args:
        shares: float (K, K), 0 to 1; one row per name.
        names: of rows and columns.
        title: written above.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    cell, left, top = 44, 110, 60
    count = len(names)
    width = max(left + cell * count + 10, 20 + cv2.getTextSize(title, _FONT, 0.45, 1)[0][0])
    image = np.full((top + cell * count + 10, width, 3), 255, np.uint8)
    cv2.putText(image, title, (10, 18), _FONT, 0.45, _INK, 1, cv2.LINE_AA)
    for index, name in enumerate(names):
        cv2.putText(image, name[:14], (6, top + cell * index + 26), _FONT, 0.4, _INK, 1, cv2.LINE_AA)
        cv2.putText(image, name[:6], (left + cell * index + 2, top - 8), _FONT, 0.36, _INK, 1, cv2.LINE_AA)
    for row in range(count):
        for column in range(count):
            share = float(shares[row, column])
            corner = (left + cell * column, top + cell * row)
            shade = tuple(round(255 - share * (255 - channel)) for channel in _COLOURS[0])
            cv2.rectangle(image, corner, (corner[0] + cell - 2, corner[1] + cell - 2), shade, -1)
            ink = (255, 255, 255) if share > 0.6 else _INK
            place = (corner[0] + 6, corner[1] + 26)
            cv2.putText(image, f"{100 * share:.0f}", place, _FONT, 0.4, ink, 1, cv2.LINE_AA)
    return image
