# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The way of event messages through the node, without a node: time is set by hand."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from madm_model.events.container import Events
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.encoders import encode_evt3, encode_mono
from madm_model.events.messages import PACKET_TYPE, make_packet
from madm_ros.error_log import ErrorLog
from madm_ros.events.pipeline import MOST_FRAMES, EventPipeline

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
"""ROS time at the zero of the sensor's clock."""


class Line:
    """A pipeline, a sensor of 16 by 8 pixels that fires every millisecond, and what came out."""

    def __init__(self, **config: object) -> None:
        self.now_ns = START
        self.frames: list[tuple[int, str]] = []
        self.sums: list[int] = []
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.seq = 0
        self.encoding = "evt3"
        self.pipeline = EventPipeline(
            EdgeConfig(**config),
            lambda: self.now_ns,
            self._emit,
            ErrorLog(self.errors.append),
            ErrorLog(self.warnings.append),
        )

    def _emit(self, image: np.ndarray, stamp_ns: int, frame_id: str) -> None:
        assert image.shape == (8, 16) and image.dtype == np.uint8
        self.frames.append((stamp_ns, frame_id))
        self.sums.append(int(image.sum()))

    def fire(self, start_ms: int, stop_ms: int) -> None:
        """A packet of events from one millisecond of the sensor's clock to another, which come without delay."""
        t_us = np.arange(start_ms, stop_ms, dtype=np.int64) * 1000
        x, y, p = (np.full(len(t_us), value, kind) for value, kind in ((3, np.uint16), (2, np.uint16), (1, np.uint8)))
        events = Events(t_us, x, y, p, 16, 8)
        payload = encode_evt3(events) if self.encoding == "evt3" else encode_mono(events, 0)
        stamp_ns = START + start_ms * 1_000_000
        self.now_ns = START + stop_ms * 1_000_000
        packet = make_packet("/events", payload, self.encoding, (16, 8), self.seq, stamp_ns, "dvs")
        self.seq += 1
        self.pipeline.process((PACKET_TYPE, packet.data), False)

    @property
    def stamps_ms(self) -> list[float]:
        return [(stamp_ns - START) / 1e6 for stamp_ns, _ in self.frames]


def event_array(rows: list[tuple[int, int, int, int]]) -> bytes:
    """A little-endian dvs_msgs/EventArray of (t_us, x, y, p) on a sensor of 16 by 8, laid out by the rules of CDR."""
    body = struct.pack("<iII4sIII", 1, 2, 4, b"dvs\0", 8, 16, len(rows))
    for t_us, x, y, p in rows:
        body += bytes(-len(body) % 2) + struct.pack("<HH", x, y)
        body += bytes(-len(body) % 4) + struct.pack("<iI?", t_us // 10**6, t_us % 10**6 * 1000, p)
    return b"\0\1\0\0" + body


def test_windows_of_time_are_stamped_with_their_end_in_ros_time() -> None:
    line = Line(period_s=0.01)
    line.fire(0, 25)
    assert line.stamps_ms == [10.0, 20.0] and line.frames[0][1] == "dvs"
    assert not line.errors and not line.warnings


def test_event_arrays_bear_ros_time_already() -> None:
    line = Line(period_s=0.01)
    array = event_array([(5_000_000 + 1000 * k, k % 16, k % 8, k % 2) for k in range(25)])
    line.pipeline.process(("dvs_msgs/msg/EventArray", array), False)
    assert line.frames == [(5_010_000_000, "dvs"), (5_020_000_000, "dvs")]
    assert line.pipeline.counters.events == 25 and line.pipeline.size == (16, 8)


def test_time_passes_while_the_sensor_is_silent() -> None:
    line = Line(period_s=0.05)
    line.fire(0, 60)
    line.now_ns += 99 * 1_000_000
    line.pipeline.idle()
    assert line.stamps_ms == [50.0]
    line.now_ns += 400 * 1_000_000
    line.pipeline.idle()
    # Frames of a silence come a tenth of a second late: until 59 + 499 - 100 ms.
    assert line.stamps_ms == [50.0 * k for k in range(1, 10)]
    assert line.sums[1:] == sorted(line.sums[1:], reverse=True) and line.sums[-1] == 0
    line.fire(600, 650)
    assert line.stamps_ms[9:] == [500.0, 550.0, 600.0] and not line.errors


def test_a_clock_that_stands_still_draws_nothing() -> None:
    line = Line(period_s=0.05)
    line.fire(0, 60)
    line.now_ns -= 5 * SECOND
    line.pipeline.idle()
    assert line.stamps_ms == [50.0]


def test_images_get_frames_of_their_stamp_once_the_events_are_there() -> None:
    line = Line(window="stamps")
    line.pipeline.request(START - SECOND)
    line.fire(0, 20)
    line.pipeline.request(START + 15_000_007)
    line.pipeline.request(START + 33_000_000)
    line.fire(20, 30)
    assert line.stamps_ms == [15.000007]
    line.fire(30, 40)
    assert line.stamps_ms == [15.000007, 33.0]
    assert not line.errors and not line.warnings


def test_an_image_that_comes_too_late_gets_a_later_frame_and_a_warning() -> None:
    line = Line(window="stamps", lookback_s=0.02)
    for start_ms in range(0, 200, 10):
        line.fire(start_ms, start_ms + 10)
    line.pipeline.request(START + 50_000_000)
    line.fire(200, 210)
    assert len(line.frames) == 1 and line.stamps_ms[0] > 50
    (warning,) = line.warnings
    assert "lookback_s" in warning


def test_an_image_of_another_clock_is_one_error() -> None:
    line = Line(window="stamps")
    line.fire(0, 20)
    for k in range(5):
        line.pipeline.request(START + (3600 + k) * SECOND)
        line.fire(20 + k, 21 + k)
    (error,) = line.errors
    assert "one clock" in error and not line.frames


def test_a_new_configuration_counts_from_the_next_message() -> None:
    line = Line(period_s=0.01)
    line.fire(0, 15)
    line.pipeline.config = EdgeConfig(window="count", count=4)
    line.fire(15, 24)
    assert line.stamps_ms == [10.0, 18.0, 22.0]


def test_what_cannot_be_decoded_is_counted_and_the_next_message_is_fine() -> None:
    line = Line(period_s=0.01)
    line.pipeline.process((PACKET_TYPE, b"\0\1\0\0 no packet"), False)
    assert line.pipeline.failed == 1 and "no readable event packet" in line.errors[0]
    line.fire(0, 15)
    assert line.stamps_ms == [10.0]


def test_a_sensor_that_dies_gives_no_more_frames() -> None:
    line = Line(period_s=0.05, silence_s=0.3)
    line.fire(0, 60)
    for _ in range(100):
        line.now_ns += 100 * 1_000_000
        line.pipeline.idle()
    assert line.stamps_ms == [50.0 * k for k in range(1, 8)]
    # Messages without an event let time pass just the same, and bring no frame.
    line.fire(11_000, 11_000)
    assert len(line.frames) == 7
    line.fire(11_000, 11_060)
    assert line.stamps_ms[7:] == [11_050.0]


def test_images_of_a_silence_get_no_frames_and_are_forgotten() -> None:
    line = Line(window="stamps", silence_s=0.3)
    line.fire(0, 20)
    for _ in range(1000):
        line.now_ns += 10 * 1_000_000
        line.pipeline.request(line.now_ns)
        line.pipeline.idle()
    assert line.stamps_ms[-1] <= 320 and len(line.frames) in (29, 30)
    line.pipeline.request(START + 10_500_000_007)
    line.fire(10_490, 10_510)
    assert line.stamps_ms[-1] == 10_500.000007 and line.stamps_ms[-2] <= 320


@pytest.mark.parametrize("fails", [False, True])
def test_a_restarted_driver_gives_frames_again(fails: bool) -> None:
    line = Line(period_s=0.05)
    line.encoding = "mono"
    for start_ms in range(4000, 4200, 10):
        line.fire(start_ms, start_ms + 10)
    assert len(line.frames) == 3
    line.seq = 0
    if fails:
        packet = make_packet("/events", np.zeros(8, np.uint8), "mono", (16, 8), 0, START, "dvs", (1 << 64) - 1)
        line.pipeline.process((PACKET_TYPE, packet.data), False)
        assert line.pipeline.failed == 1
        line.seq = 1
    for start_ms in range(0, 310, 10):
        line.fire(start_ms, start_ms + 10)
    assert line.stamps_ms[3:] == [50.0, 100.0, 150.0, 200.0, 250.0, 300.0]


def test_another_type_of_message_gives_frames_at_once() -> None:
    line = Line(period_s=0.01)
    array = event_array([(1_000_000_000 + 1000 * k, k % 16, k % 8, k % 2) for k in range(25)])
    line.pipeline.process(("dvs_msgs/msg/EventArray", array), False)
    assert len(line.frames) == 2
    line.fire(0, 25)
    assert line.stamps_ms[2:] == [10.0, 20.0]


def test_one_message_makes_so_many_frames_at_most() -> None:
    line = Line(period_s=0.001)
    line.fire(0, 2000)
    assert len(line.frames) == MOST_FRAMES
    (warning,) = line.warnings
    assert "more than 100 frames" in warning
    line.fire(2000, 2010)
    assert line.stamps_ms[MOST_FRAMES:] == [float(ms) for ms in range(2000, 2010)]


def test_noise_in_place_of_a_payload_is_one_error() -> None:
    line = Line()
    payload = np.random.default_rng(3).integers(0, 256, 40_000).astype(np.uint8)
    packet = make_packet("/events", payload, "evt3", (640, 480), 0, START, "dvs")
    line.pipeline.process((PACKET_TYPE, packet.data), False)
    (error,) = line.errors
    assert "steps back" in error and not line.frames
    line.seq = 1
    line.fire(0, 40)
    assert len(line.frames) == 1


@pytest.mark.parametrize("after_cut", [False, True])
def test_packets_dropped_on_purpose_are_no_loss_on_the_way(after_cut: bool) -> None:
    line = Line(period_s=0.01)
    line.fire(0, 5)
    t_us = np.array([8000], np.int64)
    one = Events(t_us, *(np.ones(1, kind) for kind in (np.uint16, np.uint16, np.uint8)), 16, 8)
    packet = make_packet("/events", encode_evt3(one), "evt3", (16, 8), 7, START, "dvs")
    line.pipeline.process((PACKET_TYPE, packet.data), after_cut)
    assert line.warnings == ([] if after_cut else ["6 event packets were lost on their way"])
    assert line.pipeline.counters.events == 6
