# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Bags written and read back: formats, ranges, copies, and each way in which one can be broken."""

from __future__ import annotations

import errno
import io
import logging
import resource
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags import rosbag1, rosbag2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from madm_model.io import bags
from madm_model.io.bags import BagError, BagReader, BagWriter, make_camera_info_message, make_image_message
from madm_model.io.frames import FrameError

SHARED = Path(__file__).parents[4] / "shared" / "data" / "bags"
START = 1_700_000_000_000_000_000
TENTH = 100_000_000
TYPES = get_typestore(Stores.ROS2_JAZZY)
IMAGE = "sensor_msgs/msg/Image"


def pixels(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 65536, (48, 64), dtype=np.uint16)


def write_thermal(path: Path, frames: int = 10) -> Path:
    with BagWriter(path) as writer:
        for index in range(frames):
            stamp = START + index * TENTH
            writer.write("/thermal/image_raw", make_image_message(pixels(index), "mono16", stamp, "thermal"), stamp)
            info = make_camera_info_message(64, 48, np.diag([50.0, 50.0, 1.0]), stamp, "thermal")
            writer.write("/thermal/camera_info", info, stamp)
    return path


def shared_bag(name: str) -> Path:
    if not (SHARED / name).exists():
        pytest.skip(f"the recorded bags are not here: no {SHARED / name}")
    return SHARED / name


def test_what_is_written_is_read_back(tmp_path):
    path = write_thermal(tmp_path / "new" / "bag")
    with BagReader(path) as reader:
        assert {name: (topic.type, topic.count) for name, topic in reader.topics().items()} == {
            "/thermal/camera_info": ("sensor_msgs/msg/CameraInfo", 10),
            "/thermal/image_raw": (IMAGE, 10),
        }
        assert reader.image_topics() == ["/thermal/image_raw"]
        assert (reader.start_ns, reader.duration_s, reader.is_recovered) == (START, 0.9, False)
        for index, frame in enumerate(reader.frames()):
            np.testing.assert_array_equal(frame.array, pixels(index))
            assert (frame.encoding, frame.stamp_ns, frame.frame_id) == ("mono16", START + index * TENTH, "thermal")
        assert index == 9
        info = reader.message(next(reader.raw_messages(["/thermal/camera_info"])))
        assert (info.width, info.height, info.k[0], info.p[0], info.k[8]) == (64, 48, 50.0, 50.0, 1.0)
    assert [file.name for file in path.parent.iterdir()] == ["bag"]
    assert sorted(file.name for file in path.iterdir()) == ["bag.mcap", "metadata.yaml"]


def test_a_folder_with_one_bag_file_is_read_whatever_is_hidden_beside_it(tmp_path):
    path = write_thermal(tmp_path / "bag")
    (path / "metadata.yaml").unlink()
    (path / "._bag.mcap").write_text("what macOS leaves beside a copy")
    with BagReader(path) as reader:
        assert reader.image_topics() == ["/thermal/image_raw"]


def test_ranges_are_seconds_from_the_start_and_stride_thins(tmp_path):
    with BagReader(write_thermal(tmp_path / "bag")) as reader:

        def stamps(**selection) -> list[int]:
            return [(frame.stamp_ns - START) // TENTH for frame in reader.frames(**selection)]

        assert stamps(start_s=0.3) == [3, 4, 5, 6, 7, 8, 9]
        assert stamps(end_s=0.3) == [0, 1, 2]
        assert stamps(start_s=0.2, end_s=0.8, stride=2) == [2, 4, 6]
        assert stamps(start_s=5.0) == []
        with pytest.raises(ValueError, match="at least 1"):
            stamps(stride=0)


@pytest.mark.parametrize("way", ["mcap file", "folder without metadata", "sqlite3", "split", "ROS 1"])
def test_every_kind_of_bag_gives_the_same_frames(tmp_path, way):
    bag = write_thermal(tmp_path / "bag", 4)
    if way == "mcap file":
        bag = bag / "bag.mcap"
    elif way == "folder without metadata":
        (bag / "metadata.yaml").unlink()
    elif way == "sqlite3":
        bag = tmp_path / "sqlite3"
        with rosbag2.Writer(bag, version=8) as writer:
            connection = writer.add_connection("/thermal/image_raw", IMAGE, typestore=TYPES)
            for index in range(4):
                message = make_image_message(pixels(index), "mono16", START + index * TENTH, "thermal")
                writer.write(connection, START + index * TENTH, TYPES.serialize_cdr(message, IMAGE))
    elif way == "split":
        bag = split_in_two(tmp_path)
    elif way == "ROS 1":
        bag = tmp_path / "one.bag"
        noetic = get_typestore(Stores.ROS1_NOETIC)
        with rosbag1.Writer(bag) as writer:
            connection = writer.add_connection("/thermal/image_raw", IMAGE, typestore=noetic)
            header = noetic.types["std_msgs/msg/Header"]
            for index in range(4):
                message = make_image_message(pixels(index), "mono16", START + index * TENTH, "thermal")
                fields = {name: getattr(message, name) for name in vars(message) if name != "header"}
                fields["header"] = header(seq=index, stamp=message.header.stamp, frame_id="thermal")
                message = noetic.types[IMAGE](**fields)
                writer.write(connection, START + index * TENTH, noetic.serialize_ros1(message, IMAGE))
    with BagReader(bag) as reader:
        frames = list(reader.frames())
        raw = list(reader.raw_messages(["/thermal/image_raw"]))
    assert [frame.stamp_ns for frame in frames] == [START + index * TENTH for index in range(4)]
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.array, pixels(index))
        expected = TYPES.serialize_cdr(make_image_message(pixels(index), "mono16", frame.stamp_ns, "thermal"), IMAGE)
        assert bytes(raw[index].data) == bytes(expected)


def split_in_two(tmp_path: Path) -> Path:
    """One bag whose metadata names two mcap files."""
    parts = []
    for part in range(2):
        path = tmp_path / f"part{part}"
        with BagWriter(path) as writer:
            for index in (2 * part, 2 * part + 1):
                stamp = START + index * TENTH
                writer.write("/thermal/image_raw", make_image_message(pixels(index), "mono16", stamp, "thermal"), stamp)
        parts.append(path)
    shutil.move(parts[1] / "part1.mcap", parts[0] / "part1.mcap")
    metadata = (parts[0] / "metadata.yaml").read_text()
    metadata = metadata.replace(
        "relative_file_paths:\n  - part0.mcap", "relative_file_paths:\n  - part0.mcap\n  - part1.mcap"
    )
    assert metadata.count("part1.mcap") == 1
    (parts[0] / "metadata.yaml").write_text(metadata.replace("message_count: 2", "message_count: 4"))
    return parts[0]


def test_a_copy_with_one_more_topic(tmp_path):
    source = write_thermal(tmp_path / "source", 3)
    with BagReader(source) as reader, BagWriter(tmp_path / "copy") as writer:
        for raw in reader.raw_messages():
            writer.copy(raw)
            if raw.topic.name == "/thermal/image_raw":
                frame = reader.frame(raw)
                labels = (frame.array >> 8).astype(np.uint8)
                message = make_image_message(labels, "mono8", frame.stamp_ns, frame.frame_id)
                writer.write("/labels", message, raw.stamp_ns)
    with BagReader(source) as before, BagReader(tmp_path / "copy") as after:
        assert {name: topic.count for name, topic in after.topics().items()} == {
            "/labels": 3,
            "/thermal/camera_info": 3,
            "/thermal/image_raw": 3,
        }
        old = [(raw.topic.name, bytes(raw.data), raw.stamp_ns) for raw in before.raw_messages()]
        new = [(raw.topic.name, bytes(raw.data), raw.stamp_ns) for raw in after.raw_messages(before.topics())]
        assert sorted(new) == sorted(old)
        assert [frame.array[0, 0] for frame in after.frames("/labels")] == [pixels(i)[0, 0] >> 8 for i in range(3)]


def write_custom(path: Path) -> Path:
    """A bag whose one type only it defines."""
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg("std_msgs/Header header\nfloat32 mood", "robot_msgs/msg/Mood"))
    with rosbag2.Writer(path, version=8) as writer:
        connection = writer.add_connection("/mood", "robot_msgs/msg/Mood", typestore=store)
        writer.write(connection, START, b"\x00\x01\x00\x00" + bytes(20))
    return path


def test_a_type_that_only_the_bag_defines_is_copied_but_is_no_image(tmp_path):
    custom = write_custom(tmp_path / "custom")
    with BagReader(custom) as reader, BagWriter(tmp_path / "copy") as writer:
        for raw in reader.raw_messages():
            writer.copy(raw)
    with rosbag2.Reader(tmp_path / "copy") as copy:
        assert [(c.msgtype, c.msgcount, "float32 mood" in c.msgdef.data) for c in copy.connections] == [
            ("robot_msgs/msg/Mood", 1, True)
        ]
    with BagReader(custom) as reader:
        with pytest.raises(BagError, match="no image topic; it holds /mood"):
            next(reader.frames())
        with pytest.raises(BagError, match="type robot_msgs/msg/Mood, not an image"):
            next(reader.frames("/mood"))
        raw = next(reader.raw_messages())
    undefined = type(raw)(type(raw.topic)("/mood", "robot_msgs/msg/Mood", 1, ""), raw.data, raw.stamp_ns)
    with BagWriter(tmp_path / "second") as writer, pytest.raises(BagError, match="leave this topic out"):
        writer.copy(undefined)


def test_compressed_topics_are_image_topics(tmp_path):
    depth = pixels(0)
    message_type = TYPES.types["sensor_msgs/msg/CompressedImage"]
    header = make_image_message(depth, "16UC1", START, "depth").header
    png = cv2.imencode(".png", depth)[1]
    with BagWriter(tmp_path / "bag") as writer:
        for topic, image_format, data in [
            ("/depth/compressed", "16UC1; png compressed ", png),
            ("/depth/compressedDepth", "16UC1; compressedDepth png", np.concatenate((np.zeros(12, np.uint8), png))),
        ]:
            writer.write(topic, message_type(header=header, format=image_format, data=data), START)
    with BagReader(tmp_path / "bag") as reader:
        assert reader.image_topics() == ["/depth/compressed", "/depth/compressedDepth"]
        for topic in reader.image_topics():
            (frame,) = reader.frames(topic)
            assert frame.encoding == "16UC1"
            np.testing.assert_array_equal(frame.array, depth)
        with pytest.raises(BagError, match="several image topics, name one: /depth/compressed, "):
            next(reader.frames())


def test_a_bad_message_is_raised_or_skipped(tmp_path):
    with BagWriter(tmp_path / "bag") as writer:
        for index in range(3):
            message = make_image_message(pixels(index), "mono16", START + index, "thermal")
            if index == 1:
                message.step = 3
            writer.write("/thermal", message, START + index)
    with BagReader(tmp_path / "bag") as reader:
        with pytest.raises(FrameError, match="step is 3"):
            list(reader.frames())
        errors: list[FrameError] = []
        assert [frame.stamp_ns - START for frame in reader.frames(on_bad_frame=errors.append)] == [0, 2]
        assert len(errors) == 1
        raw = next(reader.raw_messages())
        with pytest.raises(FrameError, match="the recording is damaged"):
            reader.frame(type(raw)(raw.topic, raw.data[:40], raw.stamp_ns))


def test_paths_that_are_no_bag(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no bag")
    (tmp_path / "broken.bag").write_text("no bag")
    (tmp_path / "broken.mcap").write_text("no bag")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "a.db3").touch()
    (tmp_path / "two" / "b.db3").touch()
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage" / "metadata.yaml").write_text("- no bag")
    for name, message in [
        ("nowhere", "does not exist"),
        ("empty", "is not a bag: it has neither a metadata.yaml"),
        ("notes.txt", "is not a bag: give a rosbag2 folder or"),
        ("broken.bag", "rosbag reindex"),
        ("broken.mcap", "no readable message"),
        ("two", "ros2 bag reindex"),
        ("garbage", "cannot be opened"),
    ]:
        with pytest.raises(BagError, match=message) as caught:
            BagReader(tmp_path / name)
        assert name in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_topic_lists_what_is_there(tmp_path):
    with BagReader(write_thermal(tmp_path / "bag", 1)) as reader:
        with pytest.raises(
            BagError, match=r"no topic /rgb; it holds .*/thermal/image_raw \(sensor_msgs/msg/Image, 1\)"
        ):
            next(reader.frames("/rgb"))
        assert list(reader.raw_messages(["/rgb"])) == []


def test_an_empty_bag(tmp_path):
    with BagWriter(tmp_path / "bag"):
        pass
    with BagReader(tmp_path / "bag") as reader:
        assert (reader.topics(), reader.start_ns, reader.duration_s) == ({}, 0, 0.0)
        with pytest.raises(BagError, match="no topics at all"):
            next(reader.frames())


def test_a_cut_mcap_is_read_up_to_the_cut(tmp_path, caplog):
    whole = write_thermal(tmp_path / "bag", 800)
    file = whole / "bag.mcap"
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])
    with caplog.at_level(logging.WARNING), BagReader(whole) as reader:
        assert reader.is_recovered
        frames = list(reader.frames())
        count = reader.topics()["/thermal/image_raw"].count
        assert len(list(reader.frames(start_s=0.2, end_s=0.5))) == 3
    assert 300 < len(frames) == count < 500
    np.testing.assert_array_equal(frames[-1].array, pixels(count - 1))
    BagReader(whole).close()
    assert caplog.text.count("is not a complete bag") == 1
    assert "messages can be read before it breaks off" in caplog.text


def test_a_whole_mcap_with_metadata_of_no_use_is_read_and_that_is_told_once(tmp_path, caplog):
    whole = write_thermal(tmp_path / "bag", 12)
    metadata = whole / "metadata.yaml"
    text = metadata.read_text()
    assert "storage_identifier: mcap" in text
    metadata.write_text(text.replace("storage_identifier: mcap", "storage_identifier: ''"))
    for _ in range(2):
        with BagReader(whole) as reader:
            assert not reader.is_recovered
            assert len(list(reader.frames())) == 12
    (record,) = caplog.records
    assert "Storage plugin '' not supported" in record.getMessage()
    assert "its mcap file is whole, 24 messages" in record.getMessage()


def test_a_cut_sqlite3_bag_is_one_error(tmp_path):
    with rosbag2.Writer(tmp_path / "bag", version=8) as writer:
        connection = writer.add_connection("/thermal", IMAGE, typestore=TYPES)
        for index in range(20):
            message = make_image_message(pixels(index), "mono16", START + index, "thermal")
            writer.write(connection, START + index, TYPES.serialize_cdr(message, IMAGE))
    file = tmp_path / "bag" / "bag.db3"
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])
    with pytest.raises(BagError, match=r"cannot be opened .*recording was probably cut off: .*record as mcap"):
        BagReader(tmp_path / "bag")


def test_damage_in_the_middle_is_one_error(tmp_path):
    whole = write_thermal(tmp_path / "bag", 800)
    file = whole / "bag.mcap"
    content = bytearray(file.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 5000] = bytes(5000)
    file.write_bytes(content)
    with BagReader(whole) as reader, pytest.raises(BagError, match="damaged and cannot be read further"):
        list(reader.frames())


def test_nothing_lies_under_the_name_until_the_bag_is_whole(tmp_path):
    with pytest.raises(RuntimeError), BagWriter(tmp_path / "bag") as writer:
        writer.write("/thermal", make_image_message(pixels(0), "mono16", START, "thermal"), START)
        assert not (tmp_path / "bag").exists()
        raise RuntimeError("the program fails")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(BagError, match="is closed"):
        writer.write("/thermal", make_image_message(pixels(0), "mono16", START, "thermal"), START)


class FullDisk(io.BytesIO):
    def write(self, data) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("moment", ["while writing", "at the end"])
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path, moment):
    writer = BagWriter(tmp_path / "bag")
    writer._writer.storage.bio = FullDisk()
    with pytest.raises(BagError, match=r"no space left for .*/bag \(No space left on device\): free some"):
        for index in range(400 if moment == "while writing" else 1):
            writer.write("/thermal", make_image_message(pixels(index), "mono16", START, "thermal"), START)
        assert moment == "at the end"
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_a_real_limit_on_the_file_size_is_one_error_and_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(BagError, match="no space left"), BagWriter(tmp_path / "bag") as writer:
            for index in range(400):
                writer.write("/thermal", make_image_message(pixels(index), "mono16", START, "thermal"), START)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_an_existing_target_is_not_overwritten(tmp_path):
    (tmp_path / "bag").mkdir()
    with pytest.raises(BagError, match="exists already"):
        BagWriter(tmp_path / "bag")
    (tmp_path / "file").touch()
    with pytest.raises(BagError, match="cannot be written"):
        BagWriter(tmp_path / "file" / "bag")


def test_an_array_that_does_not_fit_its_encoding_is_refused():
    for array, encoding in [
        (np.zeros((2, 2), np.uint8), "mono16"),
        (np.zeros((2, 2), np.uint8), "rgb8"),
        (np.zeros((2, 2, 4), np.uint8), "rgb8"),
        (np.zeros((2, 2, 1), np.uint8), "mono8"),
        (np.zeros((2, 2), np.uint8), "jpeg"),
    ]:
        with pytest.raises(ValueError, match="encoding"):
            make_image_message(array, encoding, 0, "")


@pytest.mark.parametrize(
    ("name", "topic", "count", "shape", "encoding"),
    [
        ("thermal_mono8", "/thermal/image_raw", 40, (480, 640), "mono8"),
        ("thermal_mono8_mcap", "/thermal/image_raw", 40, (480, 640), "mono8"),
        ("thermal_mono16", "/thermal/image_raw", 20, (480, 640), "mono16"),
        ("depth_16UC1", "/depth/image_raw", 6, (370, 1224), "16UC1"),
        ("depth_16UC1", "/rgb/image_raw", 6, (370, 1224, 3), "rgb8"),
    ],
)
def test_recorded_bags(name, topic, count, shape, encoding):
    with BagReader(shared_bag(name)) as reader:
        frames = list(reader.frames(topic))
        assert reader.topics()[topic].count == len(frames) == count
    assert {(frame.array.shape, frame.encoding) for frame in frames} == {(shape, encoding)}
    assert np.diff([frame.stamp_ns for frame in frames]).tolist() == [TENTH] * (count - 1)


def test_both_storages_of_the_recorded_thermal_bag_agree():
    with BagReader(shared_bag("thermal_mono8")) as first, BagReader(shared_bag("thermal_mono8_mcap")) as second:
        for one, other in zip(first.raw_messages(), second.raw_messages(), strict=True):
            assert (bytes(one.data), one.stamp_ns) == (bytes(other.data), other.stamp_ns)


def test_the_recorded_mono16_range():
    with BagReader(shared_bag("thermal_mono16")) as reader:
        arrays = [frame.array for frame in reader.frames()]
    assert (min(array.min() for array in arrays), max(array.max() for array in arrays)) == (6997, 12103)


def test_the_truncated_recordings(caplog, monkeypatch):
    monkeypatch.setattr(bags, "_told", set())  # whatever other tests have read
    with pytest.raises(BagError, match="record as mcap"):
        BagReader(shared_bag("truncated/thermal_mono8"))
    with BagReader(shared_bag("truncated/thermal_mono8_mcap")) as reader:
        assert len(list(reader.frames())) == 24
    assert "24 messages can be read before it breaks off" in caplog.text


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("events_evt3", 517),
        ("events_evt3.bag", 517),
        ("events_libcaer_mcap", 100),
        ("events_libcaer", 201),
        ("events_mono", 2),
    ],
)
def test_recorded_bags_without_images_give_their_raw_messages(name, count):
    with BagReader(shared_bag(name)) as reader:
        assert sum(1 for _ in reader.raw_messages()) == count
        with pytest.raises(BagError, match="has no image topic"):
            next(reader.frames())
