# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

import datetime

import numpy as np
import pytest
from event_samples import events_at, random_events, recording

from madm_model.events.container import Events, join
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.noise import BackgroundActivityFilter, FastDecayFilter, make_noise_filter
from madm_model.events.recording import open_events

WIDTH, HEIGHT = 64, 48


def kept(noise_filter, rows: list[tuple[int, int, int, int]]) -> list[int]:
    return noise_filter.keep(events_at(rows, WIDTH, HEIGHT)).t_us.tolist()


def test_neighbours_within_the_time_support_an_event():
    rows = [(0, 10, 10, 1), (1500, 11, 11, 1), (9000, 30, 30, 1), (20_000, 11, 10, 0), (23_000, 10, 10, 1)]
    assert kept(BackgroundActivityFilter(HEIGHT, WIDTH, 0.002), rows) == [0, 1500]


def test_a_pixel_does_not_support_itself():
    rows = [(0, 10, 10, 1), (100, 10, 10, 1), (200, 10, 10, 1)]
    corner = [(0, 0, 0, 1), (100, 0, 0, 1), (200, WIDTH - 1, HEIGHT - 1, 1)]
    assert kept(BackgroundActivityFilter(HEIGHT, WIDTH, 0.002), rows) == []
    assert kept(BackgroundActivityFilter(HEIGHT, WIDTH, 0.002), corner) == []


def test_support_lasts_over_chunks():
    quiet = BackgroundActivityFilter(HEIGHT, WIDTH, 0.002)
    assert kept(quiet, [(0, 10, 10, 1)]) == []
    assert kept(quiet, [(1900, 10, 11, 1), (2500, 40, 11, 1)]) == [1900]


def test_fast_decay_wants_an_active_region():
    quiet = FastDecayFilter(HEIGHT, WIDTH, half_life_s=0.01, region=4, activity=3.0)
    burst = [(100 * k, 8 + k % 4, 8, 1) for k in range(4)]
    assert kept(quiet, [*burst, (400, 40, 40, 1)]) == [0, 100, 200, 300]
    # Three half-lives later an eighth of the activity is left.
    assert kept(quiet, [(30_400, 9, 9, 1)]) == []


def test_edges_stay_and_noise_goes():
    noise = random_events(2000, WIDTH, HEIGHT, 1_000_000, seed=2)
    moving = random_events(40_000, WIDTH, HEIGHT, 1_000_000, seed=3)
    x = (moving.t_us // 16_000 % WIDTH).astype(np.uint16)
    t_us = np.concatenate([noise.t_us, moving.t_us])
    order = np.argsort(t_us, kind="stable")
    is_noise = (order < len(noise)).astype(np.uint8)
    columns = (np.concatenate([noise.x, x])[order], np.concatenate([noise.y, moving.y])[order])
    # Polarity carries along which events are noise.
    events = Events(t_us[order], *columns, is_noise, WIDTH, HEIGHT)
    for name in ("background_activity", "fast_decay"):
        noise_filter = make_noise_filter(HEIGHT, WIDTH, EdgeConfig(noise_filter=name))
        left = noise_filter.keep(events)
        assert np.count_nonzero(left.p) < 0.25 * len(noise)
        assert np.count_nonzero(left.p == 0) > 0.8 * len(moving)


def test_no_filter_is_the_default():
    assert make_noise_filter(HEIGHT, WIDTH, EdgeConfig()) is None


@pytest.mark.parametrize("name", ["background_activity", "fast_decay"])
def test_no_events_are_no_trouble(name):
    noise_filter = make_noise_filter(HEIGHT, WIDTH, EdgeConfig(noise_filter=name))
    assert len(noise_filter.keep(events_at([], WIDTH, HEIGHT))) == 0


def rows_of(t_us: np.ndarray, x: np.ndarray, y: np.ndarray) -> set[tuple[int, int, int]]:
    return set(zip(t_us.tolist(), x.tolist(), y.tolist()))


def supported_afterwards(events: Events, within_us: int) -> set[tuple[int, int, int]]:
    """Events that a neighbour follows within a time, one by one."""
    following = np.full((events.height + 2, events.width + 2), np.inf)
    found = set()
    for row in zip(events.t_us[::-1].tolist(), events.x[::-1].tolist(), events.y[::-1].tolist()):
        t_us, x, y = row
        around = following[y : y + 3, x : x + 3].copy()
        around[1, 1] = np.inf
        if around.min() <= t_us + within_us:
            found.add(row)
        following[y + 1, x + 1] = t_us
    return found


def test_background_activity_keeps_what_dv_processing_keeps_and_first_events_of_edges():
    dv = pytest.importorskip("dv_processing", reason="dv-processing is not installed")
    path = recording("events", "tonic_aedat4", "sample.aedat4")
    chunks = list(open_events(path))
    width, height = chunks[0].width, chunks[0].height
    ours = BackgroundActivityFilter(height, width, 0.002)
    left = join([ours.keep(chunk) for chunk in chunks])
    theirs = dv.noise.BackgroundActivityNoiseFilter((width, height), datetime.timedelta(milliseconds=2))
    file = dv.io.MonoCameraRecording(str(path))
    expected = set()
    while (store := file.getNextEventBatch()) is not None:
        theirs.accept(store)
        table = theirs.generateEvents().numpy()
        expected |= rows_of(table["timestamp"], table["x"], table["y"])
    kept_by_us = rows_of(left.t_us, left.x, left.y)
    assert len(expected) > 20_000
    assert expected <= kept_by_us
    assert kept_by_us - expected <= supported_afterwards(join(chunks), 2000)
