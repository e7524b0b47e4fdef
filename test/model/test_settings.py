# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Settings as data: what a class says of its fields, and what is refused, each time by name."""

from __future__ import annotations

from dataclasses import field, replace
from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import Field

from madm_model.settings import describe, parse_text, plain, read_settings, settings


class Row(Enum):
    FIRST = "first"
    SECOND = "second"


@settings
class Part:
    """A part."""

    count: Annotated[int, Field(ge=1, le=9)] = 3
    """How many."""


@settings
class Whole:
    """All of it."""

    mode: Literal["slow", "fast"] = "slow"
    """How it is done,
    in a word."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """How much."""
    pair: tuple[int, int] = (1, 2)
    """From and to."""
    rows: tuple[Row, ...] = tuple(Row)
    """Which."""
    part: Part | None = field(default_factory=Part)
    """More of it."""
    parts: tuple[Part, ...] = ()
    """Many of them."""

    def __post_init__(self) -> None:
        if self.pair[0] > self.pair[1]:
            raise ValueError("pair has to rise")


def test_a_field_says_what_it_means_and_may_be():
    mode, share, *_ = describe(Whole)
    assert (mode.text, mode.default, mode.choices) == ("How it is done, in a word.", "slow", ("slow", "fast"))
    assert (share.name, share.text, share.low, share.high) == ("share", "How much.", 0, 1)


def test_plain_values_and_back():
    whole = Whole("fast", 0.25, (2, 2), (Row.SECOND,), None)
    assert plain(whole) == {"mode": "fast", "share": 0.25, "pair": [2, 2], "rows": ["second"]} | {
        "part": None,
        "parts": [],
    }
    assert read_settings(Whole, plain(whole)) == whole
    assert read_settings(Whole, {"part": {"count": 4}, "share": 0.1}) == replace(Whole(share=0.1), part=Part(4))


@pytest.mark.parametrize(
    "values, message",
    [
        ({"share": 1}, "share is 1: it has to be less than 1"),
        ({"share": "0.5"}, "share is '0.5': it has to be a valid number"),
        ({"share": True}, "share is True: it has to be a valid number"),
        ({"share": float("nan")}, "share is nan: it has to be a finite number"),
        ({"mode": "idle"}, "mode is 'idle': it has to be 'slow' or 'fast'"),
        ({"speed": 1}, "unknown setting 'speed': use mode, share, pair, rows, part, parts"),
        ({"part": {"size": 1}}, "unknown setting 'part.size': use count"),
        ({"parts": [{}, {"size": 1}]}, "unknown setting 'parts.1.size': use count"),
        ({"part": {"count": 0}}, "part.count is 0: it has to be greater than or equal to 1"),
        ({"pair": 3}, "pair is 3: it has to be a list such as [1, 2]"),
        ({"pair": [1]}, "setting 'pair.1' is missing"),
        ({"pair": [2, 1]}, "pair has to rise"),
        ({"rows": ["third"]}, "rows.0 is 'third': it has to be 'first' or 'second'"),
        ({1: 2}, "unknown setting '1'"),
        ([1], "these settings have to be a mapping"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(values, message):
    with pytest.raises(ValueError) as caught:
        read_settings(Whole, values)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_they_are_checked_whenever_they_are_made():
    with pytest.raises(ValueError, match=r"^share is 2: it has to be less than 1$"):
        Whole(share=2)
    with pytest.raises(ValueError, match=r"^pair has to rise$"):
        replace(Whole(), pair=(3, 1))


@pytest.mark.parametrize(
    "kind, text, value",
    [
        (int, "3", 3),
        (float, "1e-4", 1e-4),
        (bool, "off", False),
        (str, "3", "3"),
        (tuple[float, ...], "[1, 0.5]", [1.0, 0.5]),
        (Annotated[tuple[str, ...], Field(min_length=1)], '["a"]', ["a"]),
        (Literal["slow", "fast"], "fast", "fast"),
    ],
)
def test_text_is_read_by_the_type_it_is_for(kind, text, value):
    assert parse_text(kind, text) == value


@pytest.mark.parametrize(
    "kind, text", [(int, "1.5"), (bool, "maybe"), (tuple[int, int], "[1]"), (tuple[int, int], "x")]
)
def test_text_of_another_type_is_refused(kind, text):
    with pytest.raises(ValueError, match="does not fit"):
        parse_text(kind, text)
