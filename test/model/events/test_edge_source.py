# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from event_samples import random_events, recording
from rosbags.rosbag2 import StoragePlugin, Writer

from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edge_source import image_stamps, open_edge_frames
from madm_model.events.encoders import encode_mono
from madm_model.events.messages import PACKET_TYPE, packet_types
from madm_model.io.bags import BagError
from madm_model.modalities.event import event_image

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
IMAGE_TYPE = "sensor_msgs/msg/Image"


def write_bag(path: Path, image_stamps_ns: list[int]) -> None:
    """A tenth of a second of events from START on, in sensor time from 7 s on, and images."""
    types = packet_types()
    names = types.types
    time, header = names["builtin_interfaces/msg/Time"], names["std_msgs/msg/Header"]
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        events = writer.add_connection("/events", PACKET_TYPE, typestore=types)
        images = writer.add_connection("/image", IMAGE_TYPE, typestore=types)
        for seq in range(100):
            stamp_ns = START + seq * 1_000_000
            chunk = random_events(200, 64, 48, 1000, seed=seq, start_us=7_000_000 + 1000 * seq)
            chunk.t_us[0] = 7_000_000 + 1000 * seq
            message = names[PACKET_TYPE](
                header=header(stamp=time(sec=stamp_ns // SECOND, nanosec=stamp_ns % SECOND), frame_id="dvs"),
                height=48,
                width=64,
                seq=seq,
                time_base=7 * SECOND,
                encoding="mono",
                is_bigendian=False,
                events=encode_mono(chunk, 7 * SECOND),
            )
            writer.write(events, stamp_ns, types.serialize_cdr(message, PACKET_TYPE))
        for stamp_ns in image_stamps_ns:
            image = names[IMAGE_TYPE](
                header=header(stamp=time(sec=stamp_ns // SECOND, nanosec=stamp_ns % SECOND), frame_id="camera"),
                height=1,
                width=1,
                encoding="mono8",
                is_bigendian=0,
                step=1,
                data=np.zeros(1, np.uint8),
            )
            writer.write(images, stamp_ns, types.serialize_cdr(image, IMAGE_TYPE))


def test_windows_are_stamped_in_ros_time(tmp_path):
    write_bag(tmp_path / "bag", [START])
    source = open_edge_frames(tmp_path / "bag", config=EdgeConfig(period_s=0.02))
    frames = list(source)
    assert (source.topic, source.rate_hz, source.length) == ("/events", 50.0, None)
    assert [frame.stamp_ns - START for frame in frames] == pytest.approx([20e6, 40e6, 60e6, 80e6], abs=20_000)
    assert {(frame.encoding, frame.frame_id) for frame in frames} == {("mono8", "dvs")}
    assert event_image(frames[0]).shape == (48, 64, 3)
    assert len(list(source)) == 4


def test_frames_in_step_with_images(tmp_path):
    inside = [START + 10_000_000, START + 33_300_000, START + 33_300_001, START + 90_000_000]
    write_bag(tmp_path / "bag", [START - SECOND, *inside, START + SECOND])
    source = open_edge_frames(tmp_path / "bag", in_step_with="/image")
    frames = list(source)
    assert [frame.stamp_ns for frame in frames] == inside
    assert source.rate_hz is None
    assert all(frame.array.max() > 0 for frame in frames)
    assert image_stamps(tmp_path / "bag", "/image")[1:-1] == inside


def test_image_topic_that_is_not_there(tmp_path):
    write_bag(tmp_path / "bag", [START])
    with pytest.raises(BagError, match="no topic /left"):
        open_edge_frames(tmp_path / "bag", in_step_with="/left")


def test_file_is_stamped_in_sensor_time(tmp_path):
    (tmp_path / "dot.txt").write_text("4 4\n" + "".join(f"{5 + k / 1000} 1 1 1\n" for k in range(100)))
    frames = list(open_edge_frames(tmp_path / "dot.txt", config=EdgeConfig(period_s=0.05)))
    assert [frame.stamp_ns for frame in frames] == [5_050_000_000]
    assert frames[0].frame_id == "dot"


@pytest.mark.parametrize(("bag", "count"), [("events_evt3", 62), ("events_libcaer", 60), ("events_evt3_trigger", 37)])
def test_recorded_bags(bag, count):
    if "evt3" in bag:
        pytest.importorskip("evt3", reason="the package evt3 is not installed")
    frames = list(open_edge_frames(recording("bags", bag)))
    assert len(frames) == count
    steps = np.diff([frame.stamp_ns for frame in frames])
    # The offset of the clocks may still shrink by the delays of the packets, some milliseconds.
    assert (np.abs(steps - SECOND / 30) < 10e6).all()
    assert frames[-1].array.max() > 100
