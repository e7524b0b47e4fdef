# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a text of sources means."""

from __future__ import annotations

import pytest

from madm_model.adaptation.data.source_shares import (
    REPLAY,
    SENSOR,
    SourceShare,
    in_words,
    parse_sources,
    with_folders,
    without_replay,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {REPLAY: 0.5, SENSOR: 0.5}),
        ("replay", {REPLAY: 1}),
        ("sim", {"sim": 1}),
        ("/data", {"/data": 0.5, REPLAY: 0.25, SENSOR: 0.25}),
        ("/data=1", {"/data": 1}),
        ("/data=0.75", {"/data": 0.75, REPLAY: 0.125, SENSOR: 0.125}),
        ("/data=0.5:sim-sensor=0.2", {"/data": 0.5, SENSOR: 0.2, REPLAY: 0.3}),
        ("/data:sim", {"/data": 0.5, "sim": 0.5}),
        ("/data=0.6:/more:sim", {"/data": 0.6, "/more": 0.2, "sim": 0.2}),
        ("/data=0.5:sim=0.25", {"/data": 0.5, "sim": 0.25, REPLAY: 0.125, SENSOR: 0.125}),
        ("/a=b/c", {"/a=b/c": 0.5, REPLAY: 0.25, SENSOR: 0.25}),
        ("/a=b/c=0.5:replay", {"/a=b/c": 0.5, REPLAY: 0.5}),
        ("file:///data=1", {"file:///data": 1}),
        ("0.5", {"0.5": 0.5, REPLAY: 0.25, SENSOR: 0.25}),
    ],
)
def test_shares(text: str, expected: dict[str, float]) -> None:
    sources = parse_sources(text)
    assert {source.name: source.share for source in sources} == pytest.approx(expected)
    assert len(sources) == len(expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("/data=0", "above 0"),
        ("/data=-0.5:sim", "above 0"),
        ("/data=nan", "above 0"),
        ("/data=0.7:sim=0.7", "sum to more than 1"),
        ("/data=1:sim", "sum to more than 1"),
        ("/data:/data", "comes twice"),
        ("replay=0.5", "sum to 0.5"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_sources(text)


def test_folders_are_made_absolute_and_nothing_else() -> None:
    assert with_folders("a=0.5:sim=0.25:replay", lambda path: f"/here/{path}") == "/here/a=0.5:sim=0.25:replay"
    assert with_folders("", lambda path: "/wrong") == ""
    assert with_folders("a", lambda path: f"/{path}") == "/a"


def test_a_model_without_the_simulators_classes_does_without_the_replay_set() -> None:
    assert without_replay(parse_sources("/data")) == (SourceShare("/data", 1.0),)
    assert [source.share for source in without_replay(parse_sources("/a=0.6:/b=0.2"))] == pytest.approx([0.75, 0.25])
    assert without_replay(parse_sources("")) == parse_sources("")  # then it is refused, with advice


def test_sources_in_words() -> None:
    assert in_words("replay") == "replay set (simulated streets)"
    halves = "25 % replay set (simulated streets), 25 % simulated frames of the target's kind of sensor"
    assert in_words("/data") == f"50 % /data, {halves}"
    assert in_words("/data=1") == "/data"
    assert str(SourceShare(REPLAY, 0.5)) == "replay=0.5"
