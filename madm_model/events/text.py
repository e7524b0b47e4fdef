# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Events as text -> unchecked columns, a piece at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from madm_model.events.container import EventError, Size
from madm_model.events.payloads import Columns

TEXT_SUFFIXES = (".txt", ".csv")

_PIECE_BYTES = 1 << 21
_LONGEST_LINE_BYTES = 1000
_FURTHEST = 1e15
_SIZE = re.compile(r"\s*(\d{1,9})[\s,]+(\d{1,9})\s*$")
_NAMES = {
    **dict.fromkeys(("t", "ts", "time", "timestamp", "t_us", "time_us", "timestamp_us"), "t"),
    **{"x": "x", "y": "y"},
    **dict.fromkeys(("p", "pol", "polarity"), "p"),
}
"""What a first line may call the columns."""


def text_size(path: Path) -> Size:
    """Sensor size of a text file: its first line if that holds just width and height, else the extent of its events.

    Raises:
        EventError: the file is not such a text.
    """
    found = _SIZE.match(next(_lines(path), [""])[0])
    if found:
        return int(found[1]), int(found[2])
    width = height = 0
    for _, x, y, _ in text_columns(path):
        width, height = max(width, int(x.max()) + 1), max(height, int(y.max()) + 1)
    if not width:
        raise EventError(f"{path} holds no events")
    return width, height


def text_columns(path: Path) -> Iterator[Columns]:
    """Events of a text file with a line `t x y p` each, or `t,x,y,p`.

    Times with a decimal point are seconds, those without microseconds; p is 1 for on, 0 or -1 for off. Empty lines
    and those that start with # are passed over. A first line may hold width and height, or name the columns, which
    then may come in another order.

    Raises:
        EventError: a line is not of this form.
    """
    order, comma, in_seconds = [0, 1, 2, 3], False, None
    for number, lines in enumerate(_lines(path)):
        if number == 0 and _SIZE.match(lines[0]):
            lines = lines[1:]
        lines = [line for line in lines if line and not line.isspace() and not line.startswith("#")]
        if not lines:
            continue
        if in_seconds is None:
            comma = "," in lines[0]
            named = [_NAMES.get(name.strip().lower(), "") for name in lines[0].split("," if comma else None)]
            if sorted(named) == ["p", "t", "x", "y"]:
                order, lines = [named.index(name) for name in "txyp"], lines[1:]
            if not lines:
                continue
            fields = lines[0].split("," if comma else None)
            if len(fields) != 4:
                raise _unreadable(path, f"not {lines[0].strip()[:40]!r}")
            in_seconds = any(mark in fields[order[0]] for mark in ".eE")
        try:
            table = np.loadtxt(lines, ndmin=2, dtype=np.float64, delimiter="," if comma else None)
        except ValueError as error:
            raise _unreadable(path, str(error)) from None
        if table.shape[1] != 4:
            raise _unreadable(path, f"not {table.shape[1]} columns")
        yield _columns(path, *table.T[order], in_seconds)


def _columns(path: Path, t: np.ndarray, x: np.ndarray, y: np.ndarray, p: np.ndarray, in_seconds: bool) -> Columns:
    if not (np.abs(t) <= _FURTHEST).all():
        raise _unreadable(path, "a time is beyond all reach")
    if not all(((values >= 0) & (values <= 0xFFFF)).all() for values in (x, y)):
        raise _unreadable(path, "x and y have to be from 0 to 65535")
    if not np.isin(p, (-1, 0, 1)).all():
        raise _unreadable(path, "p has to be 1, 0 or -1")
    t_us = np.round(t * 1e6 if in_seconds else t).astype(np.int64)
    return t_us, x.astype(np.uint16), y.astype(np.uint16), (p > 0).astype(np.uint8)


def _lines(path: Path) -> Iterator[list[str]]:
    """The lines of a text, a piece of the file at a time; the pieces are not empty."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            rest = b"" if piece.endswith(b"\n") else file.readline(_LONGEST_LINE_BYTES)
            if len(rest) == _LONGEST_LINE_BYTES and not rest.endswith(b"\n"):
                raise _unreadable(path, f"a line is longer than {_LONGEST_LINE_BYTES} bytes")
            try:
                yield (piece + rest).decode("utf-8-sig").splitlines() or [""]
            except UnicodeDecodeError as error:
                raise _unreadable(path, f"byte {error.start} is no text") from None


def _unreadable(path: Path, why: str) -> EventError:
    return EventError(f"{path} is no event text, each line has to be 't x y p' or 't,x,y,p': {why}")
