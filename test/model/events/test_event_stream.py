# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

import logging

import numpy as np
import pytest
from event_samples import HIGH, LOW, Packet, X, Y, events_at, random_events, words

from madm_model.events.clock import SensorClock
from madm_model.events.container import EventError, Events, join
from madm_model.events.encoders import encode_mono
from madm_model.events.stream import EventStream

SECOND = 1_000_000_000


def mono(rows: list[tuple[int, int, int, int]], seq: int, **changes) -> Packet:
    payload = encode_mono(events_at(rows, 640, 480), 0)
    return Packet(payload, seq=seq, encoding="mono", stamp_ns=rows[0][0] * 1000 + seq, **changes)


def rows_of(chunks: list[Events]) -> list[tuple[int, ...]]:
    return [tuple(int(v) for v in row) for c in chunks for row in zip(c.t_us, c.x, c.y, c.p)]


def test_events_are_delivered_and_counted():
    stream = EventStream()
    rows = [(10, 1, 2, 1), (11, 639, 479, 0)]
    assert rows_of(stream.decode(mono(rows, 0))) == rows
    assert (stream.counters.packets, stream.counters.events, stream.counters.on) == (1, 2, 1)


def test_events_outside_the_sensor_are_dropped_and_counted():
    stream = EventStream()
    payload = encode_mono(events_at([(10, 640, 2, 1), (11, 639, 479, 0), (12, 3, 480, 0)], 640, 480), 0)
    chunks = stream.decode(Packet(payload, encoding="mono"))
    assert rows_of(chunks) == [(11, 639, 479, 0)]
    assert stream.counters.out_of_range == 2
    payload = encode_mono(events_at([(20, 9000, 2, 1)], 640, 480), 0)
    assert stream.decode(Packet(payload, seq=1, encoding="mono")) == []
    assert (stream.counters.out_of_range, stream.counters.events) == (3, 1)


def test_small_steps_back_are_levelled():
    stream = EventStream()
    first = stream.decode(mono([(1000, 1, 1, 1), (990, 2, 2, 1), (1010, 3, 3, 1)], 0))
    second = stream.decode(mono([(900, 4, 4, 1), (1020, 5, 5, 1)], 1))
    assert [t for t, *_ in rows_of(first + second)] == [1000, 1000, 1010, 1010, 1020]
    assert (stream.counters.backward, stream.counters.restarts) == (2, 0)


def test_large_step_back_is_a_restarted_clock():
    stream = EventStream()
    chunks = stream.decode(mono([(2_000_000, 1, 1, 1), (5, 2, 2, 1), (6, 3, 3, 1)], 0))
    assert [(len(c), c.restart) for c in chunks] == [(1, False), (2, True)]
    assert stream.counters.restarts == 1
    chunks = stream.decode(mono([(7, 2, 2, 1)], 1))
    assert [(len(c), c.restart) for c in chunks] == [(1, False)]


def test_sequence_gap_is_counted_reported_and_survived(caplog):
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    stream = EventStream()
    stream.decode(Packet(words((HIGH, 1), (LOW, 2), (Y, 10), (X, 5)), seq=7))
    with caplog.at_level(logging.WARNING):
        chunks = stream.decode(Packet(words((X, 6), (HIGH, 3), (LOW, 1), (Y, 11), (X, 7)), seq=10))
    assert rows_of(chunks) == [(3 * 4096 + 1, 7, 11, 0)]
    assert (stream.counters.gaps, stream.counters.lost_packets, stream.counters.stale) == (1, 2, 1)
    assert "lost 2 event packets before seq 10" in caplog.text


def test_packet_that_comes_twice_is_ignored():
    stream = EventStream()
    packet = mono([(10, 1, 2, 1)], 4)
    assert len(stream.decode(packet)) == 1
    assert stream.decode(packet) == []
    assert (stream.counters.duplicates, stream.counters.events) == (1, 1)


def test_seq_that_is_never_filled_in_drops_nothing():
    stream = EventStream()
    for time in range(5):
        payload = encode_mono(events_at([(time, 1, 1, 1)], 640, 480), 0)
        stream.decode(Packet(payload, seq=0, encoding="mono", stamp_ns=time))
    assert (stream.counters.events, stream.counters.gaps, stream.counters.duplicates) == (5, 0, 0)


def test_restarted_driver_gets_a_fresh_decoder():
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    stream = EventStream()
    stream.decode(Packet(words((HIGH, 4000), (LOW, 2), (Y, 10), (X, 5)), seq=70, stamp_ns=5 * SECOND))
    chunks = stream.decode(Packet(words((X, 9), (HIGH, 1), (LOW, 3), (Y, 2), (X, 1)), seq=0, stamp_ns=6 * SECOND))
    assert rows_of(chunks) == [(4099, 1, 2, 0)]
    assert [c.restart for c in chunks] == [True]
    assert (stream.counters.restarts, stream.counters.gaps) == (1, 0)


def test_encoding_may_change():
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    stream = EventStream()
    stream.decode(mono([(10, 1, 2, 1)], 0))
    chunks = stream.decode(Packet(words((HIGH, 1), (LOW, 3), (Y, 2), (X, 1)), seq=1))
    assert rows_of(chunks) == [(4099, 1, 2, 0)]
    assert [c.restart for c in chunks] == [True]


def test_a_restart_is_told_once_a_packet_can_be_decoded():
    stream = EventStream()
    stream.decode(mono([(3_000_000, 1, 2, 1)], 70))
    with pytest.raises(EventError, match="damaged"):
        stream.decode(mono([(10, 1, 2, 1)], 0, time_base=1 << 63))
    assert [c.restart for c in stream.decode(mono([(20, 1, 2, 1)], 1))] == [True]
    assert [c.restart for c in stream.decode(mono([(30, 1, 2, 1)], 2))] == [False]


def test_damage_is_one_error_after_which_nothing_is_taken_for_granted():
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    stream = EventStream()
    assert rows_of(stream.decode(Packet(words((HIGH, 1), (LOW, 2), (Y, 10), (X, 5))))) == [(4098, 5, 10, 0)]
    noise = words(*[pair for high in range(900, 0, -20) for pair in ((HIGH, high), (LOW, 0), (Y, 9), (X, 5))])
    with pytest.raises(EventError, match="steps back 44 times"):
        stream.decode(Packet(noise, seq=1))
    assert rows_of(stream.decode(Packet(words((X, 5), (HIGH, 2), (LOW, 0), (Y, 3), (X, 6)), seq=2)))[-1][1:] == (
        6,
        3,
        0,
    )
    assert (stream.counters.stale, stream.counters.restarts, stream.counters.packets) == (1, 0, 2)


@pytest.mark.parametrize("time_base", [1 << 63, (1 << 64) - 1])
def test_time_beyond_all_reach_is_an_error(time_base):
    with pytest.raises(EventError, match=f"time_base {time_base}"):
        EventStream().decode(mono([(10, 1, 2, 1)], 0, time_base=time_base))


def test_packets_with_neither_seq_nor_stamp_are_no_duplicates():
    stream = EventStream()
    for t_us in (10, 20):
        payload = encode_mono(events_at([(t_us, 1, 2, 1)], 640, 480), 0)
        assert rows_of(stream.decode(Packet(payload, encoding="mono"))) == [(t_us, 1, 2, 1)]


@pytest.mark.parametrize("size", [(40_000, 30_000), (8000, 6000)])
def test_sensor_beyond_all_bounds_is_refused(size):
    with pytest.raises(EventError, match="the event packet claims"):
        EventStream().decode(Packet(words(), width=size[0], height=size[1]))


@pytest.mark.parametrize("size", [(0, 480), (640, 0)])
def test_sensor_without_size_is_refused(size):
    with pytest.raises(EventError, match="width and height must be set"):
        EventStream().decode(Packet(words(), width=size[0], height=size[1]))


def test_stream_maps_sensor_time_to_ros_time():
    stream = EventStream()
    payload = encode_mono(events_at([(100, 1, 1, 1)], 640, 480), 0)
    stream.decode(Packet(payload, encoding="mono", stamp_ns=50 * SECOND))
    assert stream.clock.to_ros_ns(100) == 50 * SECOND
    assert stream.clock.to_ros_ns(350) == 50 * SECOND + 250_000


def test_clock_keeps_the_smallest_delay():
    clock = SensorClock()
    for first_us, delay_us in ((0, 500), (1000, 200), (2000, 900)):
        clock.observe(SECOND + (first_us + delay_us) * 1000, first_us)
    assert abs(clock.to_ros_ns(2000) - (SECOND + 2_200_000)) < 1000
    assert abs(clock.to_sensor_us(SECOND + 2_200_000) - 2000) <= 1


def test_clock_follows_drift_both_ways():
    for drift in (-50e-6, 50e-6):
        clock = SensorClock()
        for first_us in range(0, 100_000_000, 10_000):
            clock.observe(int(first_us * 1000 * (1 + drift)), first_us)
        assert abs(clock.to_ros_ns(100_000_000) - 100_000_000_000 * (1 + drift)) < 10_000


def test_clock_starts_anew_after_a_jump():
    clock = SensorClock()
    clock.observe(10 * SECOND, 0)
    clock.observe(10 * SECOND, 9_000_000)
    assert clock.to_ros_ns(9_000_000) == 10 * SECOND


def test_join_keeps_order_and_refuses_mixed_chunks():
    whole = random_events(100, 64, 48, 1000)
    joined = join([whole.part(0, 30), whole.part(30, 100)])
    np.testing.assert_array_equal(joined.t_us, whole.t_us)
    np.testing.assert_array_equal(joined.pixel(), whole.y.astype(int) * 64 + whole.x)
    with pytest.raises(EventError, match="different sizes"):
        join([whole, random_events(10, 32, 32, 1000)])
    with pytest.raises(EventError, match="keep them"):
        join([whole, events_at([(1, 1, 1, 1)], 64, 48), Events(*([np.empty(0, int)] * 4), 64, 48, restart=True)])


def test_an_encoding_without_a_decoder_stays_an_error_amid_the_stream():
    stream = EventStream()
    stream.decode(mono([(10, 1, 2, 1)], 0))
    for seq in (1, 2):
        with pytest.raises(EventError, match="morse"):
            stream.decode(Packet(np.zeros(8, np.uint8), seq=seq, encoding="morse"))
    assert rows_of(stream.decode(mono([(20, 3, 4, 1)], 3))) == [(20, 3, 4, 1)]


def test_packets_left_out_on_purpose_are_like_lost_ones():
    stream = EventStream()
    full = words((HIGH, 0), (LOW, 5), (Y, 7), (X, 3))
    assert rows_of(stream.decode(Packet(full))) == [(5, 3, 7, 0)]
    stream.resync()
    # The driver does not count its packets: only the caller knows that the row may have changed in between.
    assert stream.decode(Packet(words((X, 4)), stamp_ns=1)) == []
    assert stream.counters.stale == 1
