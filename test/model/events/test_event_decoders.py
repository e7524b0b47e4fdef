# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from event_samples import BASE, HIGH, LOW, ON, TRIGGER, VECT8, VECT12, X, Y, random_events, recording, words

from madm_model.events import decoders
from madm_model.events import evt3 as evt3_module
from madm_model.events.container import EventError
from madm_model.events.decoders import LibcaerCmpDecoder, LibcaerDecoder, MonoDecoder
from madm_model.events.encoders import encode_evt3, encode_mono
from madm_model.events.evt3 import Evt3Decoder, Evt3RosDecoder


def evt3(*payloads: np.ndarray, width: int = 640, height: int = 480):
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    decoder = Evt3Decoder(width, height)
    parts = [decoder.decode(payload, 0, False) for payload in payloads]
    return decoder, [tuple(int(v) for v in row) for part in parts for row in zip(*part)]


def test_evt3_recording_decodes_to_the_truth():
    raw = np.frombuffer(recording("events", "expelliarmus_evt3", "evt3_sample.raw").read_bytes(), np.uint8)[166:]
    truth = np.load(recording("events", "expelliarmus_evt3", "evt3_sample.npy"))
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    t_us, x, y, p = Evt3Decoder(1280, 720).decode(raw, 0, False)
    assert len(t_us) == 219_596
    np.testing.assert_array_equal(x, truth["x"])
    np.testing.assert_array_equal(y, truth["y"])
    np.testing.assert_array_equal(p, truth["p"])
    # The decoder behind the truth adds 4096 us whenever time-low falls, although time-high already tells of the
    # roll-over (and of none, where time-low only wavers). Undone with the words themselves, the times are the same.
    kind, value = raw.view("<u2") >> 12, (raw.view("<u2") & 0xFFF).astype(int)
    low = kind == LOW
    falls = np.zeros(len(kind), int)
    falls[low] = np.cumsum(np.diff(value[low], prepend=value[low][0]) < 0)
    falls = np.maximum.accumulate(falls)
    ones = np.unpackbits(value.astype("<u2").view(np.uint8)).reshape(-1, 16).sum(axis=1)
    events_of_word = np.where(kind == X, 1, np.where((kind == VECT12) | (kind == VECT8), ones, 0)).astype(int)
    np.testing.assert_array_equal(t_us + 4096 * np.repeat(falls, events_of_word), truth["t"])


def test_evt3_single_and_vector_events():
    _, events = evt3(
        words((HIGH, 1), (LOW, 2), (Y, 10), (X, 5 | ON), (BASE, 100), (VECT12, 0b100000000001), (VECT8, 0b10))
    )
    assert events == [(4098, 5, 10, 1), (4098, 100, 10, 0), (4098, 111, 10, 0), (4098, 113, 10, 0)]


def test_evt3_state_lasts_over_packets():
    _, events = evt3(words((HIGH, 1), (LOW, 2), (Y, 10)), words((X, 5)), words((LOW, 3), (X, 6)))
    assert events == [(4098, 5, 10, 0), (4099, 6, 10, 0)]


def test_evt3_clock_wrap_after_16_seconds():
    _, events = evt3(
        words((HIGH, 4095), (LOW, 4095), (Y, 1), (X, 1)), words((HIGH, 0), (LOW, 0), (X, 2)), words((HIGH, 1), (X, 3))
    )
    assert [t for t, *_ in events] == [(1 << 24) - 1, 1 << 24, (1 << 24) + 4096]


def test_evt3_clock_keeps_counting_over_many_wraps():
    turns = 300  # 300 turns of the 24-bit clock are 84 minutes: beyond 32-bit microseconds
    turn = [(HIGH, 0), (HIGH, 2000), (HIGH, 4095)]
    _, events = evt3(words((HIGH, 0), (LOW, 0), (Y, 0)), words(*turn * turns), words((HIGH, 0), (LOW, 7), (X, 9)))
    assert events == [(turns * (1 << 24) + 7, 9, 0, 0)]


def test_evt3_clock_wrap_inside_a_loss_is_noticed():
    start = words((HIGH, 3000), (LOW, 0), (Y, 0), (X, 1))
    _, events = evt3(start, words((HIGH, 700), (X, 2)), words((HIGH, 3900), (X, 3), (HIGH, 200), (X, 4), (X, 5)))
    assert [t >> 12 for t, *_ in events] == [3000, 4796, 7996, 8392, 8392]


def test_evt3_interleaved_triggers_are_counted():
    decoder, events = evt3(
        words((HIGH, 1), (LOW, 2), (Y, 10), (TRIGGER, 1), (X, 5), (TRIGGER, 0), (TRIGGER, 0x101), (X, 6))
    )
    assert events == [(4098, 5, 10, 0), (4098, 6, 10, 0)]
    assert decoder.triggers == 3


def test_evt3_events_before_a_full_time_are_dropped():
    _, events = evt3(words((Y, 3), (X, 1), (LOW, 5), (X, 2)), words((HIGH, 1), (LOW, 6), (Y, 4), (X, 3)))
    assert events == [(4102, 3, 4, 0)]


def test_evt3_packet_cut_in_the_middle_of_a_word():
    decoder, events = evt3(words((HIGH, 1), (LOW, 2), (Y, 10), (X, 5), (X, 6))[:-1], words((X, 7), (LOW, 3), (X, 8)))
    assert events == [(4098, 5, 10, 0), (4098, 7, 10, 0), (4099, 8, 10, 0)]
    assert decoder.cut_bytes == 1


def test_evt3_after_a_loss_waits_for_time_and_row():
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    decoder = Evt3Decoder(640, 480)
    decoder.decode(words((HIGH, 1), (LOW, 2), (Y, 10), (X, 5)), 0, False)
    decoder.resync()
    nothing = decoder.decode(words((X, 6), (BASE, 7), (VECT12, 0b11), (VECT8, 0b111)), 0, False)
    t_us, x, y, _ = decoder.decode(words((X, 7), (HIGH, 2), (LOW, 1), (X, 8), (Y, 20), (X, 9), (X, 10)), 0, False)
    assert not len(nothing[0])
    assert (t_us.tolist(), x.tolist(), y.tolist()) == ([8193, 8193], [9, 10], [20, 20])
    assert decoder.stale == 1 + 2 + 3 + 2


def test_evt3_round_trip():
    events = random_events(20_000, 640, 480, 3_000_000)
    _, decoded = evt3(encode_evt3(events))
    expected = zip(events.t_us.tolist(), events.x.tolist(), events.y.tolist(), events.p.tolist())
    assert decoded == list(expected)


def test_event_camera_py_wins_and_its_32_bit_clock_is_counted_on(monkeypatch):
    truth = [2**31 - 10, 2**31 + 5, 2**32 - 1, 2**32 + 3]

    class RosDecoder:
        """Same calls and columns as event_camera_py.Decoder: signed 32-bit microseconds."""

        def decode_bytes(self, encoding, width, height, time_base, buffer):
            assert (encoding, width, height) == ("evt3", 640, 480)
            assert isinstance(buffer, bytes)
            self.step = buffer[0]

        def get_cd_events(self):
            table = np.zeros(1, [("x", "<u2"), ("y", "<u2"), ("p", "i1"), ("t", "<i4")])
            table["t"] = np.array([truth[self.step]]).astype(np.uint32).view(np.int32)
            return table

    module = SimpleNamespace(Decoder=RosDecoder)
    monkeypatch.setattr(decoders, "optional_module", lambda name: module if name == "event_camera_py" else None)
    decoder = decoders.make_decoder("evt3", 640, 480)
    assert isinstance(decoder, Evt3RosDecoder)
    times = [int(decoder.decode(words((X, step)), 0, False)[0][0]) for step in range(len(truth))]
    assert times == truth


def test_missing_evt3_package_says_what_to_install(monkeypatch):
    for module in (decoders, evt3_module):
        monkeypatch.setattr(module, "optional_module", lambda name: None)
    with pytest.raises(EventError, match="pip install evt3"):
        decoders.make_decoder("evt3", 640, 480)


def test_unknown_encoding_names_the_supported_ones():
    with pytest.raises(EventError, match="'evt2' has no decoder; supported are evt3, libcaer_cmp, libcaer, mono"):
        decoders.make_decoder("evt2", 640, 480)


@pytest.mark.parametrize("big_endian", [False, True])
def test_mono_both_byte_orders(big_endian):
    # Polarity in the highest bit, then y, x and nanoseconds after the time base.
    word = 1 << 63 | 470 << 48 | 630 << 32 | 4_000_000_000
    payload = np.frombuffer(word.to_bytes(8, "big" if big_endian else "little"), np.uint8)
    t_us, x, y, p = MonoDecoder().decode(payload, 5_000_000_000, big_endian)
    assert (t_us.tolist(), x.tolist(), y.tolist(), p.tolist()) == ([9_000_000], [630], [470], [1])


@pytest.mark.parametrize("big_endian", [False, True])
def test_mono_round_trip(big_endian):
    events = random_events(1000, 640, 480, 4_000_000, start_us=7_000_000)
    payload = encode_mono(events, 7_000_000_000, big_endian)
    t_us, x, y, p = MonoDecoder().decode(payload, 7_000_000_000, big_endian)
    for decoded, original in zip((t_us, x, y, p), (events.t_us, events.x, events.y, events.p)):
        np.testing.assert_array_equal(decoded, original)


def test_mono_packet_of_more_than_4_seconds_is_refused():
    with pytest.raises(EventError, match="smaller packets"):
        encode_mono(random_events(10, 640, 480, 1000, start_us=5_000_000), 0)


def libcaer(*rows: tuple[int, int, int, int]) -> np.ndarray:
    return np.array([(x << 17 | y << 2 | p << 1 | 1, t) for t, x, y, p in rows], "<u4").view(np.uint8).ravel()


def test_libcaer_fields_and_time_base():
    t_us, x, y, p = LibcaerDecoder().decode(libcaer((12, 345, 259, 1), (13, 0, 1, 0)), 1_000_000_000_000, False)
    assert t_us.tolist() == [1_000_000_012, 1_000_000_013]
    assert (x.tolist(), y.tolist(), p.tolist()) == ([345, 0], [259, 1], [1, 0])


def test_libcaer_clock_rolls_over_inside_a_packet():
    decoder = LibcaerDecoder()
    last = (1 << 31) - 1
    t_us = decoder.decode(libcaer((last - 5, 0, 0, 0), (last, 0, 0, 0), (0, 0, 0, 0), (9, 0, 0, 0)), 0, False)[0]
    assert t_us.tolist() == [last - 5, last, last + 1, last + 10]
    assert decoder.decode(libcaer((100, 0, 0, 0), (90, 0, 0, 0)), 0, False)[0].tolist() == [100, 90]


def test_libcaer_packet_cut_in_the_middle_of_an_event():
    decoder = LibcaerDecoder()
    t_us = decoder.decode(libcaer((1, 2, 3, 1), (2, 3, 4, 1))[:-3], 0, False)[0]
    assert t_us.tolist() == [1]
    assert decoder.cut_bytes == 5


def test_libcaer_cmp_words():
    time_high, time_low, address_x, address_y, base_y, vector = range(6)
    decoder = LibcaerCmpDecoder()
    first = words(
        (time_high, 2), (time_low, 7), (address_x, 300), (address_y, 20 | ON), (base_y, 40 | ON), (vector, 0b101),
        (vector, 0b10), (time_low, 9), (address_y, 21),
    )  # fmt: skip
    columns = decoder.decode(first, 1_000_000_000, False)
    assert [tuple(int(v) for v in row) for row in zip(*columns)] == [
        (1_008_199, 300, 20, 1),
        (1_008_199, 300, 40, 1),
        (1_008_199, 300, 42, 1),
        (1_008_199, 300, 49, 1),
        (1_008_201, 300, 21, 0),
    ]
    # Column, vector base and polarity last over packets, the time does not.
    columns = decoder.decode(words((vector, 0b1), (address_x, 5), (address_y, 6)), 2_000_000_000, False)
    assert [tuple(int(v) for v in row) for row in zip(*columns)] == [(2_000_000, 300, 56, 1), (2_000_000, 5, 6, 0)]


def test_libcaer_cmp_base_that_ran_away():
    address_x, base_y, vector = 2, 4, 5
    decoder = LibcaerCmpDecoder()
    y = decoder.decode(words((address_x, 3), (base_y, 0), *[(vector, 1)] * 9000), 0, False)[2]
    assert y[:3].tolist() == [0, 8, 16] and (np.diff(y.astype(int)) >= 0).all()
    # The next packets are fine.
    assert decoder.decode(words((vector, 1)), 0, False)[2].min() > 2048
    assert decoder.decode(words((base_y, 8), (vector, 1)), 0, False)[2].tolist() == [8]


def test_libcaer_cmp_after_a_loss_waits_for_column_and_base():
    address_x, address_y, base_y, vector = 2, 3, 4, 5
    decoder = LibcaerCmpDecoder()
    decoder.decode(words((address_x, 300), (base_y, 40 | ON), (vector, 1)), 0, False)
    decoder.resync()
    assert not len(decoder.decode(words((address_y, 5), (vector, 0b11)), 0, False)[0])
    columns = decoder.decode(
        words((address_x, 7), (vector, 0b11), (address_y, 6 | ON), (base_y, 9), (vector, 1)), 0, False
    )
    assert [tuple(int(v) for v in row) for row in zip(*columns)] == [(0, 7, 6, 1), (0, 7, 9, 0)]
    assert decoder.stale == 1 + 2 + 2


def test_libcaer_cmp_damaged_payload():
    with pytest.raises(EventError, match="damaged"):
        LibcaerCmpDecoder().decode(words((9, 1)), 0, False)


@pytest.mark.parametrize("decoder", [MonoDecoder, LibcaerDecoder, LibcaerCmpDecoder])
def test_empty_payload_gives_no_events(decoder):
    columns = decoder().decode(np.empty(0, np.uint8), 0, False)
    assert [len(column) for column in columns] == [0, 0, 0, 0]
