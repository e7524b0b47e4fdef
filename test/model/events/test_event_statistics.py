# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

from dataclasses import replace

import pytest
from event_samples import events_at, random_events, recording

from madm_model.events.container import EventError
from madm_model.events.recording import open_events
from madm_model.events.statistics import summarise
from madm_model.events.stream import StreamCounters


def test_numbers_of_chunks():
    rows = [(9_000, 1, 1, 1), (9_500, 1, 1, 0), (10_500, 1, 1, 1), (11_000, 2, 1, 1), (60_000, 1, 1, 0)]
    events = events_at(rows, 640, 480)
    for cut in range(6):
        summary = summarise([events.part(0, cut), events.part(cut, 5)])
        assert (summary.width, summary.height, summary.events, summary.on) == (640, 480, 5, 3)
        assert summary.duration_s == pytest.approx(0.051)
        assert summary.longest_silence_s == pytest.approx(0.049)
        assert summary.mean_mev_s == pytest.approx(5 / 0.051 / 1e6)
        assert summary.peak_mev_s == pytest.approx(2 / 0.01 / 1e6)


def test_restarted_clock_is_left_out_of_the_duration():
    first = events_at([(5_000_000, 1, 1, 1), (5_001_000, 1, 1, 0)], 640, 480)
    second = replace(events_at([(0, 1, 1, 1), (2_000, 1, 1, 0)], 640, 480), restart=True)
    assert summarise([first, second]).duration_s == pytest.approx(0.003)


def test_recorded_numbers():
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    events = open_events(recording("bags", "events_evt3"))
    rows = dict(summarise(events).rows(events.counters))
    assert rows["sensor"] == "640 x 480"
    assert rows["events"] == "343474 (36.4 % on, 63.6 % off)"
    assert rows["duration"] == "2.078 s"
    assert rows["packets"] == "517"
    assert rows["trigger words"] == "4157"


def test_what_went_wrong_is_listed():
    summary = summarise([random_events(10, 64, 48, 100)])
    rows = dict(summary.rows(StreamCounters(packets=3, gaps=1, lost_packets=2, out_of_range=7)))
    assert rows["gaps"] == "1, 2 packets lost"
    assert rows["outside the sensor"] == "7"
    assert "clock restarts" not in rows


def test_nothing_to_count():
    with pytest.raises(EventError, match="no events"):
        summarise([])
    with pytest.raises(EventError, match="changes its size"):
        summarise([random_events(10, 64, 48, 100), random_events(10, 32, 48, 100)])
