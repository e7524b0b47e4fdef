# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from event_samples import events_at, random_events, recording
from rosbags.rosbag1 import Writer as Ros1Writer
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from madm_model.events import dsec, files, text
from madm_model.events.container import EventError, Events
from madm_model.events.encoders import encode_evt3, encode_mono
from madm_model.events.event_arrays import EventArrayStream, event_array_columns
from madm_model.events.messages import PACKET_TYPE, packet_types
from madm_model.events.recording import open_events

SECOND = 1_000_000_000
TOPIC = "/event_camera/events"


def columns_of(chunks: list[Events]) -> list[np.ndarray]:
    return [np.concatenate([getattr(c, name) for c in chunks]) for name in ("t_us", "x", "y", "p")]


def assert_same_events(chunks: list[Events], events: Events) -> None:
    for read, written in zip(columns_of(chunks), (events.t_us, events.x, events.y, events.p)):
        np.testing.assert_array_equal(read, written)


@pytest.mark.parametrize(
    ("bag", "size", "count", "on", "triggers", "duration_s"),
    [
        ("events_evt3", (640, 480), 343_474, 125_183, 4_157, 2.078),
        ("events_evt3.bag", (640, 480), 343_474, 125_183, 4_157, 2.078),
        ("events_evt3_trigger", (1280, 720), 82_469, None, 2, 1.251),
        ("events_libcaer", (640, 480), 334_331, None, 0, 2.000),
        ("events_mono", (640, 480), 100, None, 0, 0.0001),
        ("events_libcaer_mcap", (346, 260), 571_266, 211_043, 0, 1.000),
    ],
)
def test_recorded_bags(bag, size, count, on, triggers, duration_s):
    path = recording("bags", bag)
    if "evt3" in bag:
        pytest.importorskip("evt3", reason="the package evt3 is not installed")
    if bag == "events_libcaer_mcap":
        pytest.importorskip("mcap", reason="the package mcap is not installed")
    events = open_events(path)
    chunks = list(events)
    counters = events.counters
    assert {(c.width, c.height) for c in chunks} == {size}
    assert (sum(len(c) for c in chunks), counters.events, counters.triggers) == (count, count, triggers)
    assert on is None or counters.on == on
    assert (counters.gaps, counters.out_of_range, counters.restarts, counters.backward) == (0, 0, 0, 0)
    t_us = columns_of(chunks)[0]
    assert (np.diff(t_us) >= 0).all()
    assert (t_us[-1] - t_us[0]) / 1e6 == pytest.approx(duration_s, abs=1e-3)
    # Iterating once more starts from the beginning, counters included.
    assert sum(len(c) for c in events) == count == events.counters.events


def test_recorded_aedat4():
    pytest.importorskip("dv_processing", reason="dv-processing is not installed")
    chunks = list(open_events(recording("events", "tonic_aedat4", "sample.aedat4")))
    assert sum(len(c) for c in chunks) == 111_954
    assert (chunks[0].width, chunks[0].height) == (320, 240)


def test_recorded_raw():
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    chunks = list(open_events(recording("events", "expelliarmus_evt3", "evt3_sample.raw")))
    assert sum(len(c) for c in chunks) == 219_596
    assert (chunks[0].width, chunks[0].height) == (1280, 720)


def test_recorded_text():
    events = open_events(recording("events", "slider_depth", "events_chunk.txt"))
    chunks = list(events)
    assert sum(len(c) for c in chunks) == 50_000
    assert (chunks[0].width, chunks[0].height) == (240, 180)
    assert int(chunks[0].t_us[0]) == 3811
    assert events.clock is None


def write_bag(path: Path, payloads: list[np.ndarray], topics: tuple[str, ...] = (TOPIC,), **fields) -> None:
    types = packet_types()
    names = types.types
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic in topics:
            connection = writer.add_connection(topic, PACKET_TYPE, typestore=types)
            for seq, payload in enumerate(payloads):
                stamp_ns = 10 * SECOND + seq * 1_000_000
                stamp = names["builtin_interfaces/msg/Time"](sec=stamp_ns // SECOND, nanosec=stamp_ns % SECOND)
                values = {"height": 480, "width": 640, "seq": seq, "time_base": 0, "encoding": "mono", **fields}
                message = names[PACKET_TYPE](
                    header=names["std_msgs/msg/Header"](stamp=stamp, frame_id="camera"),
                    is_bigendian=False,
                    events=payload,
                    **values,
                )
                writer.write(connection, stamp_ns, types.serialize_cdr(message, PACKET_TYPE))


def test_bag_round_trip_and_ros_time(tmp_path):
    parts = [random_events(500, 640, 480, 1000, seed=k, start_us=1000 * k) for k in range(4)]
    write_bag(tmp_path / "bag", [encode_mono(part, 0) for part in parts])
    events = open_events(tmp_path / "bag")
    chunks = list(events)
    assert [len(c) for c in chunks] == [500] * 4
    assert_same_events(chunks[2:3], parts[2])
    first = int(parts[0].t_us[0])
    assert events.clock.to_ros_ns(first) == pytest.approx(10 * SECOND, abs=1_000_000)


def test_span_of_a_recording(tmp_path):
    parts = [random_events(500, 640, 480, 1000, seed=k, start_us=1000 * k) for k in range(4)]
    write_bag(tmp_path / "bag", [encode_mono(part, 0) for part in parts])
    whole = columns_of(parts)[0]
    inside = (whole >= whole[0] + 1500) & (whole < whole[0] + 2500)
    chunks = list(open_events(tmp_path / "bag", start_s=0.0015, end_s=0.0025))
    np.testing.assert_array_equal(columns_of(chunks)[0], whole[inside])


def test_bag_with_several_event_topics_wants_a_name(tmp_path):
    write_bag(tmp_path / "bag", [encode_mono(random_events(5, 640, 480, 100), 0)], topics=("/left", "/right"))
    with pytest.raises(EventError, match="name one: /left, /right"):
        open_events(tmp_path / "bag")
    assert len(next(iter(open_events(tmp_path / "bag", "/right")))) == 5
    with pytest.raises(EventError, match="no event topic /up"):
        open_events(tmp_path / "bag", "/up")


def test_bag_without_events_lists_what_it_holds():
    with pytest.raises(EventError, match=r"holds /thermal/image_raw \(sensor_msgs/msg/Image\)"):
        open_events(recording("bags", "thermal_mono8"))


ARRAY_DEFINITION = "std_msgs/Header header\nuint32 height\nuint32 width\ndvs_msgs/Event[] events\n"
EVENT_DEFINITION = "uint16 x\nuint16 y\nbuiltin_interfaces/Time ts\nbool polarity\n"


def array_types(types):
    types.register(get_types_from_msg(EVENT_DEFINITION, "dvs_msgs/msg/Event"))
    types.register(get_types_from_msg(ARRAY_DEFINITION, "dvs_msgs/msg/EventArray"))
    return types


def array_message(types, rows: list[tuple[int, int, int, int]], frame_id: str, **header):
    names = types.types
    time, event = names["builtin_interfaces/msg/Time"], names["dvs_msgs/msg/Event"]
    return names["dvs_msgs/msg/EventArray"](
        header=names["std_msgs/msg/Header"](stamp=time(sec=1, nanosec=2), frame_id=frame_id, **header),
        height=48,
        width=64,
        events=[
            event(x=x, y=y, ts=time(sec=t // 10**6, nanosec=t % 10**6 * 1000), polarity=bool(p)) for t, x, y, p in rows
        ],
    )


def event_array(rows: list[tuple[int, int, int, int]], frame_id: str, little_endian: bool = True) -> bytes:
    """A dvs_msgs/EventArray as rosbags' own serialiser writes it."""
    types = array_types(packet_types())
    message = array_message(types, rows, frame_id)
    return bytes(types.serialize_cdr(message, "dvs_msgs/msg/EventArray", little_endian=little_endian))


ARRAY_ROWS = [[(5_000_001, 0, 0, 1), (5_000_002, 63, 47, 0)], [], [(5_000_900, 7, 8, 1)]]


def test_bag_of_event_arrays(tmp_path):
    types = array_types(packet_types())
    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        connection = writer.add_connection("/dvs/events", "dvs_msgs/msg/EventArray", typestore=types)
        for number, rows in enumerate(ARRAY_ROWS):
            message = types.serialize_cdr(array_message(types, rows, "dvs"), "dvs_msgs/msg/EventArray")
            writer.write(connection, number, message)
    events = open_events(tmp_path / "bag")
    assert_same_events(list(events), events_at([row for rows in ARRAY_ROWS for row in rows], 64, 48))
    assert (events.counters.packets, events.counters.events) == (3, 3)
    assert events.frame_id == "dvs"


def test_ros1_bag_of_event_arrays(tmp_path):
    types = array_types(get_typestore(Stores.ROS1_NOETIC))
    with Ros1Writer(tmp_path / "old.bag") as writer:
        connection = writer.add_connection("/dvs/events", "dvs_msgs/msg/EventArray", typestore=types)
        for number, rows in enumerate(ARRAY_ROWS):
            message = array_message(types, rows, "dvs", seq=number)
            writer.write(connection, number, types.serialize_ros1(message, "dvs_msgs/msg/EventArray"))
    chunks = list(open_events(tmp_path / "old.bag"))
    assert_same_events(chunks, events_at([row for rows in ARRAY_ROWS for row in rows], 64, 48))


@pytest.mark.parametrize("little_endian", [True, False])
def test_event_arrays_in_cdr_2_which_differs_in_the_place_of_64_bit_numbers_alone(little_endian):
    data = event_array(ARRAY_ROWS[0], "dvs", little_endian)
    (expected,) = EventArrayStream().decode(data)
    stream = EventArrayStream()
    (events,) = stream.decode(data[:1] + bytes([data[1] + 6]) + data[2:])
    assert_same_events([events], expected)
    assert stream.frame_id == "dvs"


@pytest.mark.parametrize("frame_id", ["", "dvs", "camera", "davis_optical_frame"])
@pytest.mark.parametrize("little_endian", [True, False])
def test_event_array_bytes(frame_id, little_endian):
    rows = [(5_000_001, 0, 0, 1), (5_000_002, 63, 47, 0), (6_123_456, 7, 8, 1)]
    chunks = EventArrayStream().decode(event_array(rows, frame_id, little_endian))
    assert (chunks[0].width, chunks[0].height) == (64, 48)
    assert_same_events(chunks, events_at(rows, 64, 48))


def test_event_array_without_events():
    assert EventArrayStream().decode(event_array([], "dvs")) == []


def test_event_array_cut_off():
    message = event_array([(1, 2, 3, 1), (2, 3, 4, 0)], "dvs")
    with pytest.raises(EventError, match="promises 2 events but is cut off"):
        event_array_columns(message[:-8])
    with pytest.raises(EventError, match="cut off before its events"):
        event_array_columns(message[:14])
    with pytest.raises(EventError, match="the bytes are no EventArray, it is not serialised as CDR"):
        event_array_columns(b"\x01\x02")


def write_raw(path: Path, header: str, events: Events) -> None:
    path.write_bytes(header.encode() + encode_evt3(events).tobytes())


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("% evt 3.0\n% geometry 320x240\n", (320, 240)),
        ("% Date 2024\n% format EVT3;height=240;width=320\n% end\n", (320, 240)),
        ("% evt 3.0\n% plugin_name hal_plugin_gen31_fx3\n", (640, 480)),
        ("% evt 3.0\n", (1280, 720)),
    ],
)
def test_raw_file(tmp_path, header, size):
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    events = random_events(3000, 320, 240, 50_000)
    write_raw(tmp_path / "a.raw", header, events)
    chunks = list(open_events(tmp_path / "a.raw"))
    assert (chunks[0].width, chunks[0].height) == size
    assert_same_events(chunks, events)


def test_raw_file_in_small_pieces(tmp_path, monkeypatch):
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    monkeypatch.setattr(files, "_RAW_CHUNK_BYTES", 50)
    events = random_events(300, 320, 240, 50_000)
    write_raw(tmp_path / "a.raw", "% evt 3.0\n% geometry 320x240\n", events)
    assert_same_events(list(open_events(tmp_path / "a.raw")), events)


def test_raw_file_of_another_format_is_refused(tmp_path):
    (tmp_path / "a.raw").write_bytes(b"% evt 2.1\n" + bytes(64))
    with pytest.raises(EventError, match=r"is evt 2\.1, not EVT 3\.0: convert it"):
        open_events(tmp_path / "a.raw")
    (tmp_path / "b.raw").write_bytes(bytes(64))
    with pytest.raises(EventError, match="no Prophesee recording"):
        open_events(tmp_path / "b.raw")


def write_dsec(path: Path, events: Events, offset: int, table: bool = True) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(path, "w") as file:
        file["events/t"] = events.t_us.astype(np.uint32)
        file["events/x"], file["events/y"], file["events/p"] = events.x, events.y, events.p
        file["t_offset"] = offset
        if table:
            file["ms_to_idx"] = np.searchsorted(events.t_us, np.arange(events.t_us[-1] // 1000 + 1) * 1000)


def test_dsec_file(tmp_path):
    events = random_events(5000, 640, 480, 100_000)
    write_dsec(tmp_path / "a.h5", events, 40_000_000_000)
    t_us, x, _, _ = columns_of(list(open_events(tmp_path / "a.h5")))
    np.testing.assert_array_equal(t_us, events.t_us + 40_000_000_000)
    np.testing.assert_array_equal(x, events.x)


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize(("start_s", "end_s"), [(0.0205, 0.0307), (None, 0.01), (0.09, None), (0.5, 0.6)])
def test_dsec_file_span(tmp_path, monkeypatch, start_s, end_s, table):
    monkeypatch.setattr(dsec, "_CHUNK_EVENTS", 700)
    events = random_events(5000, 640, 480, 100_000)
    write_dsec(tmp_path / "a.h5", events, 0, table)
    chunks = list(open_events(tmp_path / "a.h5", start_s=start_s, end_s=end_s))
    inside = (events.t_us >= (start_s or 0) * 1e6) & (events.t_us < (end_s or 1) * 1e6)
    assert sum(len(c) for c in chunks) == inside.sum()
    if chunks:
        assert_same_events(chunks, events.keep(inside))


def test_hdf5_of_another_layout_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["CD/events"] = np.zeros(3)
    with pytest.raises(EventError, match="lacks events/t, events/x, events/y, events/p"):
        open_events(tmp_path / "a.h5")


@pytest.mark.parametrize(("suffix", "package"), [(".h5", "h5py"), (".aedat4", "dv-processing")])
def test_missing_package_says_what_to_install(tmp_path, monkeypatch, suffix, package):
    for module in (files, dsec):
        monkeypatch.setattr(module, "optional_module", lambda name: None)
    (tmp_path / f"a{suffix}").write_bytes(b"x")
    with pytest.raises(EventError, match=f"pip install {package}"):
        open_events(tmp_path / f"a{suffix}")


def test_broken_aedat4_is_refused(tmp_path):
    pytest.importorskip("dv_processing", reason="dv-processing is not installed")
    (tmp_path / "a.aedat4").write_bytes(b"no such file")
    with pytest.raises(EventError, match="cannot be read as AEDAT 4"):
        open_events(tmp_path / "a.aedat4")


@pytest.mark.parametrize(("missing", "extra"), [(1, 0), (0, 1), (9, 0), (0, 64)])
def test_aedat4_with_missing_bytes_is_refused_before_it_is_decoded(tmp_path, missing, extra):
    pytest.importorskip("dv_processing", reason="dv-processing is not installed")
    packets = b"".join(struct.pack("<iI", 0, 20) + bytes(20) for _ in range(3))
    # A FlatBuffer of compression (left out) and the position of the table.
    header = struct.pack("<IHHHHiq", 12, 8, 12, 0, 4, 8, 14 + 4 + 24 + len(packets))
    whole = b"#!AER-DAT4.0\r\n" + struct.pack("<I", len(header)) + header + packets + bytes(30)
    (tmp_path / "a.aedat4").write_bytes(whole)
    with pytest.raises(EventError, match="cannot be read as AEDAT 4"):  # by dv-processing: the packets hold nothing
        open_events(tmp_path / "a.aedat4")
    (tmp_path / "a.aedat4").write_bytes(whole[:70] + bytes(extra) + whole[70 + missing :])
    with pytest.raises(EventError, match="do not follow each other"):
        open_events(tmp_path / "a.aedat4")


def test_recorded_aedat4_with_a_missing_byte(tmp_path):
    pytest.importorskip("dv_processing", reason="dv-processing is not installed")
    content = recording("events", "tonic_aedat4", "sample.aedat4").read_bytes()
    (tmp_path / "a.aedat4").write_bytes(content[:168_357] + content[168_358:])
    with pytest.raises(EventError, match="do not follow each other"):
        open_events(tmp_path / "a.aedat4")


def test_text_in_seconds_with_size_line(tmp_path):
    (tmp_path / "a.txt").write_text("240 180\n0.000001 3 4 1\n1.5 5 6 0\n2.25 7 8 -1\n")
    chunks = list(open_events(tmp_path / "a.txt"))
    assert (chunks[0].width, chunks[0].height) == (240, 180)
    assert_same_events(chunks, events_at([(1, 3, 4, 1), (1_500_000, 5, 6, 0), (2_250_000, 7, 8, 0)], 240, 180))


def test_text_in_microseconds_in_small_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "_PIECE_BYTES", 80)
    events = random_events(21, 64, 48, 1000)
    lines = [f"{t} {x} {y} {p}" for t, x, y, p in zip(events.t_us, events.x, events.y, events.p)]
    (tmp_path / "a.txt").write_text("\n".join(["# t x y p", *lines, ""]))
    chunks = list(open_events(tmp_path / "a.txt", size=(64, 48)))
    assert len(chunks) > 2
    assert_same_events(chunks, events)


@pytest.mark.parametrize(
    "content",
    [
        "1,2,3,1\n5,6,7,0\n",
        "t,x,y,p\n1,2,3,1\n5,6,7,0\n",
        "10,8\n# the sensor's size\n1, 2, 3, 1\n5, 6, 7, -1\n",
        "x, y, polarity, timestamp\r\n2, 3, 1, 1\r\n6, 7, 0, 5\r\n",
        "\ufefft x y p\n0.000001 2 3 1\n0.000005 6 7 0",
    ],
)
def test_text_with_commas_and_names(tmp_path, content):
    (tmp_path / "a.csv").write_text(content, newline="")
    assert_same_events(list(open_events(tmp_path / "a.csv")), events_at([(1, 2, 3, 1), (5, 6, 7, 0)], 10, 8))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"1 2 3\n", "not '1 2 3'"),
        (b"1 2 3 x\n", "could not convert"),
        (b"1,2,3,1\n2 3 4 1\n", "could not convert|number of columns"),
        (b"1 -2 3 1\n", "x and y have to be from 0 to 65535"),
        (b"1 65536 3 1\n", "x and y have to be from 0 to 65535"),
        (b"1 2 nan 1\n", "x and y have to be from 0 to 65535"),
        (b"2 3 1 1000\n", "p has to be 1, 0 or -1"),
        (b"1e300 2 3 1\n", "a time is beyond all reach"),
        (b"nan 2 3 1\n", "a time is beyond all reach"),
        (b"1 2 3 1\n1 2 \xff 1\n", "byte 12 is no text"),
        (b"7" * 5000, "longer than 1000 bytes"),
        (b"", "holds no events"),
        (b"\xef\xbb\xbf", "holds no events"),
        (b"70000 70000\n1 2 3 1\n", "claims 70000x70000 pixels"),
        (b"1 60000 60000 1\n", "claims 60001x60001 pixels"),
    ],
)
def test_bad_text_is_refused(tmp_path, monkeypatch, content, why):
    monkeypatch.setattr(text, "_PIECE_BYTES", 100)
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(EventError, match=why):
        list(open_events(tmp_path / "a.txt"))


def test_hdf5_reads_nothing_outside_the_file(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    events = random_events(100, 640, 480, 100_000)
    write_dsec(tmp_path / "secret.h5", events, 0)
    events.x.tofile(tmp_path / "secret.bin")
    layout = h5py.VirtualLayout((100,), np.uint16)
    layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "events/x", (100,))
    for kind in ("link of events", "link of x", "soft link", "storage", "virtual", "offset"):
        write_dsec(tmp_path / "a.h5", events, 0)
        with h5py.File(tmp_path / "a.h5", "a") as file:
            del file[{"link of events": "events", "offset": "t_offset"}.get(kind, "events/x")]
            if kind == "link of events":
                file["events"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "events")
            elif kind == "link of x":
                file["events/x"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "events/x")
            elif kind == "soft link":
                file["elsewhere"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "events")
                file["events/x"] = h5py.SoftLink("/elsewhere/x")
            elif kind == "storage":
                file.create_dataset("events/x", (100,), np.uint16, external=[(str(tmp_path / "secret.bin"), 0, 200)])
            elif kind == "virtual":
                file.create_virtual_dataset("events/x", layout)
            else:
                file["t_offset"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "t_offset")
        with pytest.raises(EventError, match="copy the data into one file"):
            list(open_events(tmp_path / "a.h5"))


@pytest.mark.parametrize(
    ("name", "make", "why"),
    [
        ("events/x", lambda file: file.create_group("events/x"), "no column of whole numbers"),
        ("events/x", lambda file: file.create_dataset("events/x", data=np.zeros((100, 2), np.uint16)), "no column"),
        ("events/y", lambda file: file.create_dataset("events/y", data=np.zeros(100, np.float32)), "no column"),
        ("events/p", lambda file: file.create_dataset("events/p", data=np.zeros(99, np.uint8)), "not of one length"),
        ("t_offset", lambda file: file.create_dataset("t_offset", data="later"), "is damaged"),
        ("t_offset", lambda file: file.create_dataset("t_offset", data=np.zeros(2)), "is damaged"),
        ("t_offset", lambda file: file.create_dataset("t_offset", data=np.uint64(1 << 63)), "is damaged|142 years"),
    ],
)
def test_hdf5_of_odd_parts_is_one_error(tmp_path, name, make, why):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    write_dsec(tmp_path / "a.h5", random_events(100, 640, 480, 100_000), 0)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file[name]
        make(file)
    with pytest.raises(EventError, match=why):
        list(open_events(tmp_path / "a.h5"))


def test_hdf5_that_claims_what_is_not_in_it(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    count = 1 << 40
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, kind in (("t", np.uint32), ("x", np.uint16), ("y", np.uint16), ("p", np.uint8)):
            file.create_dataset(f"events/{name}", (count,), kind, chunks=(1000,))
    with pytest.raises(EventError, match=f"claims {count} events"):
        open_events(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name, kind in (("t", np.uint32), ("x", np.uint16), ("y", np.uint16), ("p", np.uint8)):
            file.create_dataset(f"events/{name}", (1000,), kind, maxshape=(None,), chunks=(1 << 30,))
    with pytest.raises(EventError, match=r"in chunks of 1073741824|is damaged"):
        open_events(tmp_path / "a.h5")


def test_hdf5_pixels_beyond_16_bits_are_outside(tmp_path):
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    write_dsec(tmp_path / "a.h5", events_at([(1, 2, 3, 1), (2, 3, 4, 0), (3, 4, 5, 1)], 640, 480), 0)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        del file["events/x"]
        file["events/x"] = np.array([2, 65_536 + 3, -4], np.int32)
    recording = open_events(tmp_path / "a.h5")
    assert [len(chunk) for chunk in recording] == [1] and recording.counters.out_of_range == 2


def test_a_raw_header_claims_what_no_sensor_has(tmp_path):
    (tmp_path / "a.raw").write_bytes(b"% evt 3.0\n% geometry 60000x60000\n")
    with pytest.raises(EventError, match="claims 60000x60000 pixels"):
        open_events(tmp_path / "a.raw")


def test_a_pipe_is_no_recording(tmp_path):
    os.mkfifo(tmp_path / "a.raw")
    with pytest.raises(EventError, match="is no file"):
        open_events(tmp_path / "a.raw")


def test_unknown_kinds_are_refused(tmp_path):
    with pytest.raises(EventError, match="does not exist"):
        open_events(tmp_path / "none.raw")
    (tmp_path / "a.dat").write_bytes(struct.pack("I", 1))
    with pytest.raises(EventError, match="of no known kind"):
        open_events(tmp_path / "a.dat")
    (tmp_path / "a.txt").write_text("1 2 3 1\n")
    with pytest.raises(EventError, match="has no topics"):
        open_events(tmp_path / "a.txt", topic="/events")
