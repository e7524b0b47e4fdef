# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from event_samples import events_at, random_events, recording

from madm_model.events.container import EventError, Events, no_events
from madm_model.events.edge_config import MODES, EdgeConfig
from madm_model.events.edges import EdgeFrame, EdgeFramer
from madm_model.events.recording import open_events

WIDTH, HEIGHT = 64, 48


def framer(**config) -> EdgeFramer:
    return EdgeFramer(HEIGHT, WIDTH, EdgeConfig(**config))


def edge(duration_us: int, seed: int = 0, start_us: int = 0) -> Events:
    """A bright column of pixels that moves to the right, on noise."""
    noise = random_events(duration_us // 100, WIDTH, HEIGHT, duration_us, seed, start_us)
    moving = random_events(duration_us // 10, WIDTH, HEIGHT, duration_us, seed + 1, start_us)
    column = ((moving.t_us // 2000) % WIDTH).astype(np.uint16)
    t_us = np.concatenate([noise.t_us, moving.t_us])
    order = np.argsort(t_us, kind="stable")
    x, y, p = (np.concatenate(pair)[order] for pair in ((noise.x, column), (noise.y, moving.y), (noise.p, moving.p)))
    return Events(t_us[order], x, y, p, WIDTH, HEIGHT)


def pieces(events: Events, bounds: list[int]) -> list[Events]:
    return [events.part(a, b) for a, b in zip([0, *bounds], [*bounds, len(events)])]


def run(frames_of: EdgeFramer, chunks: list[Events]) -> list[EdgeFrame]:
    return [frame for chunk in chunks for frame in frames_of.push(chunk)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("window", ["time", "count"])
def test_frames_do_not_depend_on_the_packets(mode, window):
    events = edge(200_000)
    config = {"mode": mode, "window": window, "period_s": 0.01, "count": 777}
    whole = run(framer(**config), [events])
    bounds = sorted(np.random.default_rng(1).integers(0, len(events), 300).tolist())
    parts = run(framer(**config), pieces(events, bounds))
    assert len(whole) == len(parts) > 10
    for one, other in zip(whole, parts):
        assert (one.start_us, one.end_us, one.events) == (other.start_us, other.end_us, other.events)
        # Sums in another order round differently, by a grey level at most.
        assert np.abs(one.image.astype(int) - other.image).max() <= 1
        assert one.image.dtype == np.uint8
        assert one.image.shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize("window", ["time", "count"])
def test_a_long_chunk_takes_no_more_memory_than_a_short_one(window):
    config = {"window": window, "period_s": 0.001, "count": 10}
    events = edge(600_000)
    expected = [(frame.start_us, frame.end_us, frame.events) for frame in framer(**config).push(events)]
    tracemalloc.start()
    try:
        frames = [(frame.start_us, frame.end_us, frame.events) for frame in framer(**config).frames(events)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert frames == expected and len(frames) > 570
    assert peak < 300 * WIDTH * HEIGHT


def test_a_chunk_without_events_still_marks_a_restart():
    clock = framer(period_s=0.01)
    run(clock, [edge(100_000)])
    assert list(clock.frames(no_events(WIDTH, HEIGHT, restart=True))) == [] and not clock.has_events


def test_time_windows_end_on_multiples_of_the_period():
    events = events_at([(1000, 1, 1, 1), (1999, 2, 2, 1), (2000, 3, 3, 1), (3500, 4, 4, 1)], WIDTH, HEIGHT)
    frames = run(framer(mode="edge_map", period_s=0.001, edge_map_decay=1.0), [events])
    assert [(f.start_us, f.end_us, f.events) for f in frames] == [(1000, 2000, 2), (2000, 3000, 1)]
    assert np.argwhere(frames[0].image).tolist() == [[1, 1], [2, 2]]
    assert np.argwhere(frames[1].image).tolist() == [[3, 3]]


def test_count_windows_hold_that_many_events():
    events = edge(50_000)
    frames = run(framer(window="count", count=1000), pieces(events, [10, 2500, 2501]))
    assert [f.events for f in frames] == [1000] * (len(events) // 1000)
    assert [f.end_us for f in frames] == events.t_us[999::1000].tolist()


def test_stamps_show_what_happened_before_them():
    events = events_at([(t, t // 1000, 5, 1) for t in range(1000, 30_000, 1000)], WIDTH, HEIGHT)
    synced = framer(mode="edge_map", window="stamps", edge_map_decay=1.0)
    assert synced.request(20_500) == []
    assert synced.push(events.part(0, 15)) == []
    frames = synced.request(10_500)
    assert [(f.end_us, f.events) for f in frames] == [(10_500, 10)]
    frames = synced.push(events.part(15, 29))
    assert [(f.end_us, f.events) for f in frames] == [(20_500, 10)]
    assert np.argwhere(frames[0].image)[:, 1].tolist() == list(range(11, 21))
    assert synced.late_requests == 0


def test_stamp_that_comes_too_late_is_counted_and_dated_honestly():
    synced = framer(window="stamps", lookback_s=0.01)
    synced.push(edge(100_000))
    (frame,) = synced.request(50_000)
    assert synced.late_requests == 1
    assert 80_000 < frame.end_us < 100_000


def test_stamps_may_come_as_late_as_the_lookback():
    synced = framer(window="stamps", lookback_s=0.03)
    for chunk in pieces(edge(100_000), list(range(100, 11_000, 100))):
        synced.push(chunk)
    (frame,) = synced.request(75_000)
    assert (frame.end_us, synced.late_requests) == (75_000, 0)


def test_asking_for_a_stamp_needs_that_window():
    with pytest.raises(EventError, match="configure the window stamps"):
        framer(window="time").request(10)


@pytest.mark.parametrize("mode", MODES)
def test_still_scene_fades_without_flicker(mode):
    still = framer(mode=mode, period_s=0.02, memory_s=0.1, silence_s=2.0)
    moving = run(still, [edge(200_000)])
    frames = [*still.advance(800_000), *still.advance(1_400_000)]
    neutral = 128 if mode == "polarity" else 0
    assert np.abs(moving[-1].image.astype(int) - neutral).max() > 60
    strengths = [np.abs(f.image.astype(int) - neutral) for f in (moving[-1], *frames)]
    # The first still frame may hold the last events.
    for before, after in pairwise(strengths[1:]):
        assert (after <= before).all()
    assert strengths[-1].max() == 0
    assert strengths[1].max() > 0
    assert all(f.events == 0 for f in frames[1:])


@pytest.mark.parametrize("mode", MODES)
def test_lone_noise_after_stillness_stays_dim_and_rare(mode):
    still = framer(mode=mode, period_s=0.02, memory_s=0.1)
    run(still, [edge(200_000)])
    still.advance(3_000_000)
    noise = random_events(40, WIDTH, HEIGHT, 100_000, seed=3, start_us=3_000_000)
    neutral = 128 if mode == "polarity" else 0
    for frame in run(still, [noise]):
        assert np.count_nonzero(np.abs(frame.image.astype(int) - neutral) > 2) <= 40
        if mode in ("decay", "polarity", "edge_map"):
            assert np.abs(frame.image.astype(int) - neutral).max() < 200


@pytest.mark.parametrize("mode", MODES)
def test_sensor_that_says_nothing_gives_no_frames(mode):
    silent = framer(mode=mode)
    assert silent.push(no_events(WIDTH, HEIGHT)) == []
    assert silent.advance(10_000_000) == []


def test_long_silence_is_not_drawn_frame_by_frame():
    quiet = framer(period_s=0.001)
    run(quiet, [edge(10_000)])
    frames = quiet.push(events_at([(3_600_000_500, 1, 1, 1)], WIDTH, HEIGHT))
    assert len(frames) == 30
    # The windows go on with the next event.
    (frame,) = quiet.push(events_at([(3_600_001_600, 1, 1, 1)], WIDTH, HEIGHT))
    assert 3_600_000_500 < frame.end_us <= 3_600_001_600 and frame.events == 1


@pytest.mark.parametrize(("silence_s", "count"), [(0.0, 0), (0.1, 2), (0.5, 10)])
def test_without_events_no_frames_come(silence_s, count):
    quiet = framer(period_s=0.05, silence_s=silence_s)
    events = edge(40_000)
    run(quiet, [events])
    frames = [frame for now_us in range(50_000, 3_600_000_000, 60_000_000) for frame in quiet.advance(now_us)]
    assert [frame.events for frame in frames] == [len(events)] + [0] * (count - 1 if count else 0)
    assert len(quiet.push(edge(200_000, start_us=3_600_000_000))) in (3, 4)


def test_a_camera_that_says_nothing_may_be_wanted():
    quiet = framer(period_s=60.0, silence_s=1e6)
    run(quiet, [edge(40_000)])
    assert len([frame for now_us in range(0, 3_600_000_001, 60_000_000) for frame in quiet.advance(now_us)]) == 59


def test_stamps_within_a_silence_get_no_frames():
    synced = framer(window="stamps", silence_s=0.1)
    run(synced, [edge(40_000)])
    assert [len(synced.request(stamp_us)) for stamp_us in (30_000, 100_000, 200_000, 5_000_000)] == [1, 0, 0, 0]
    assert [frame.end_us for frame in synced.advance(1_000_000)] == [100_000]
    assert [frame.end_us for frame in synced.push(edge(40_000, start_us=4_990_000))] == [5_000_000]


@pytest.mark.parametrize("step_us", [60_000, 3_600_000_000])
def test_time_that_goes_back_begins_anew(step_us):
    clock = framer(period_s=0.01)
    run(clock, [edge(100_000, start_us=7_200_000_000)])
    again = edge(100_000, start_us=7_200_100_000 - step_us)
    frames = clock.push(again)
    assert len(frames) == 9 and frames[0].start_us == int(again.t_us[0])


def test_frames_that_ran_ahead_of_the_events_are_caught():
    ahead = framer(period_s=0.01, silence_s=1e6)
    run(ahead, [edge(100_000)])
    ahead.advance(86_400_000_000)  # the clock that measures the silence was set
    assert len(ahead.push(edge(100_000, start_us=100_000))) >= 9


@pytest.mark.parametrize(
    ("config", "last_us"), [({"period_s": 0.001}, 999_500), ({"window": "count", "count": 3}, None)]
)
def test_one_push_makes_so_many_frames_at_most(config, last_us):
    bounded = EdgeFramer(HEIGHT, WIDTH, EdgeConfig(**config), most_frames=20)
    events = edge(1_000_000)
    assert 20 <= len(bounded.push(events)) <= 20 + 30
    assert bounded.skips == 1
    # What comes then is drawn as it would be.
    frames = bounded.push(edge(10_000, start_us=1_000_000))
    assert 9 <= len(frames) <= 20 if last_us else len(frames) == 20
    assert all(frame.end_us >= 1_000_000 for frame in frames)


def test_restarted_clock_begins_anew():
    restarted = framer(mode="time_surface", period_s=0.001)
    run(restarted, [edge(50_000)])
    after = replace(events_at([(5, 7, 8, 1), (2000, 9, 9, 1)], WIDTH, HEIGHT), restart=True)
    frames = restarted.push(after)
    assert [f.end_us for f in frames] == [1005]
    assert np.argwhere(frames[0].image).tolist() == [[8, 7]]


def test_events_of_another_sensor_are_refused():
    with pytest.raises(EventError, match="one framer per sensor"):
        framer().push(random_events(5, 10, 10, 100))


def test_decay_follows_its_formula():
    config = {"period_s": 0.01, "decay_s": 0.02, "full_scale_events": 4.0}
    events = events_at([(0, 3, 3, 1), (4000, 3, 3, 0), (9000, 5, 5, 1), (10_000, 0, 0, 1)], WIDTH, HEIGHT)
    image = framer(**config).push(events)[0].image
    expected = 255 / 4 * (np.exp(-10 / 20) + np.exp(-6 / 20))
    assert image[3, 3] == pytest.approx(expected, abs=1)
    assert image[5, 5] == pytest.approx(255 / 4 * np.exp(-1 / 20), abs=1)
    assert image[0, 0] == 0


def test_polarity_brightens_and_darkens():
    config = {"mode": "polarity", "period_s": 0.01, "decay_s": 0.02, "full_scale_events": 2.0}
    rows = [(0, 3, 3, 1), (1, 4, 4, 0), (2, 5, 5, 1), (2, 5, 5, 0), (10_000, 0, 0, 1)]
    image = framer(**config).push(events_at(rows, WIDTH, HEIGHT))[0].image
    step = 255 / 4 * np.exp(-0.5)
    assert image[3, 3] == pytest.approx(128 + step, abs=1)
    assert image[4, 4] == pytest.approx(128 - step, abs=1)
    assert image[5, 5] == image[9, 9] == 128


def test_brightness_adapts_to_the_rate_and_does_not_jump():
    adapting = framer(mode="decay", period_s=0.02, contrast_s=0.5)
    busy = random_events(600_000, WIDTH, HEIGHT, 2_000_000)
    busy = Events(busy.t_us, (busy.x // 8 * 8).astype(np.uint16), busy.y, busy.p, WIDTH, HEIGHT)
    means = [frame.image.mean() for frame in run(adapting, [busy])]
    assert np.abs(np.diff(means[5:])).max() < 0.05 * max(means)
    assert 10 < means[-1] < 200


def test_time_surface_follows_its_formula():
    rows = [(0, 3, 3, 1), (6000, 3, 3, 0), (8000, 4, 4, 1), (10_000, 0, 0, 1)]
    image = framer(mode="time_surface", period_s=0.01, decay_s=0.02).push(events_at(rows, WIDTH, HEIGHT))[0].image
    assert image[3, 3] == pytest.approx(255 * np.exp(-4 / 20), abs=1)
    assert image[4, 4] == pytest.approx(255 * np.exp(-2 / 20), abs=1)
    assert np.count_nonzero(image) == 2


def test_speed_invariant_surface_is_the_same_for_slow_and_fast_edges():
    events = edge(60_000)
    slow = Events(events.t_us * 7, events.x, events.y, events.p, WIDTH, HEIGHT)
    config = {"mode": "speed_invariant", "window": "count", "count": 2000, "memory_s": 1e6}
    fast_frames, slow_frames = run(framer(**config), [events]), run(framer(**config), [slow])
    assert len(fast_frames) == 3
    for fast, slowed in zip(fast_frames, slow_frames):
        # The long memory alone still fades, by a grey level at most.
        assert np.abs(fast.image.astype(int) - slowed.image).max() <= 1
    # The front of a moving edge is newer than all around it; behind it the rank falls.
    rows = [(100 * x, x, y, 1) for x in range(20) for y in range(HEIGHT)]
    config = {"mode": "speed_invariant", "window": "count", "count": len(rows), "memory_s": 1e6, "radius": 2}
    image = framer(**config).push(events_at(rows, WIDTH, HEIGHT))[0].image
    profile = image[HEIGHT // 2, :25].astype(int)
    assert profile[19] == round(255 * 20 / 24)
    assert profile[19] > profile[18] > profile[17]
    assert (profile[20:] == 0).all()


def test_memory_stays_flat():
    flat = framer(window="time", period_s=0.01, noise_filter="background_activity")
    synced = framer(window="stamps", lookback_s=0.01)
    events = edge(100_000)
    tracemalloc.start()
    try:
        sizes = []
        for turn in range(60):
            chunk = replace(events, t_us=events.t_us + 100_000 * turn)
            for part in pieces(chunk, [1000, 5000, 9000]):
                flat.push(part)
                synced.push(part)
            synced.request(100_000 * turn + 95_000)
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[-1] < sizes[10] * 1.2 + 100_000


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "edges"},
        {"window": "frame"},
        {"noise_filter": "median"},
        {"period_s": 0.0},
        {"count": 0},
        {"decay_s": float("nan")},
        {"memory_s": float("inf")},
        {"contribution": 1.5},
        {"edge_map_decay": -0.1},
        {"radius": 8},
        {"lookback_s": -1.0},
    ],
)
def test_bad_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EdgeConfig(**wrong)


def test_recorded_edges_are_on_the_moving_things():
    chunks = list(open_events(recording("events", "slider_depth", "events_chunk.txt")))
    frames = run(EdgeFramer(180, 240, EdgeConfig(period_s=0.02)), chunks)
    image = frames[-1].image
    # The dartboard at the upper right has texture everywhere, the wall at the upper left none.
    assert image[10:60, 160:225].mean() > 40
    assert image[5:70, 60:120].mean() < 4


def test_speed_invariant_surface_is_near_to_dv_processing():
    dv = pytest.importorskip("dv_processing", reason="dv-processing is not installed")
    path = recording("events", "tonic_aedat4", "sample.aedat4")
    chunks = list(open_events(path))
    height, width = chunks[0].height, chunks[0].width
    ours = EdgeFramer(height, width, EdgeConfig(mode="speed_invariant", window="stamps", memory_s=1e6))
    theirs = dv.SpeedInvariantTimeSurface((width, height))
    file = dv.io.MonoCameraRecording(str(path))
    while (store := file.getNextEventBatch()) is not None:
        theirs.accept(store)
    run(ours, chunks)
    ours.advance(int(chunks[-1].t_us[-1]) + 1)
    (frame,) = ours.request(int(chunks[-1].t_us[-1]) + 1)
    image = theirs.generateFrame().image
    fired = (image > 0) | (frame.image > 0)
    assert np.corrcoef(image[fired].astype(float), frame.image[fired])[0, 1] > 0.95
