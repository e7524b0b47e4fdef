# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A rolling recording: what is kept, what is deleted first, and what becomes of it where the disk is full."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
import pytest

from madm_model.adaptation.data.target_bags import TargetSelection, count_frames, read_frames
from madm_model.adaptation.data.target_frames import TargetLimits
from madm_model.architecture import TINY
from madm_model.events.messages import make_packet
from madm_model.io import bag_writer, durable
from madm_model.io.bag_storage import standard_types
from madm_model.io.bags import BagReader, make_image_message
from madm_model.io.frames import FrameError, InputError
from madm_model.io.raw_message import RawMessage, Topic
from madm_model.labels import STREET_9
from madm_model.model_config import ModelConfig
from madm_model.recorder.config import GB, RecorderConfig
from madm_model.recorder.recorder import RecordingError, RollingRecorder
from madm_model.recorder.segments import Segments, folder_bytes

TYPES = standard_types()
PLENTY = 1 << 50


def raw_image(pixels: np.ndarray, encoding: str, stamp_ns: int = 1) -> RawMessage:
    message = make_image_message(pixels, encoding, stamp_ns, "camera")
    data = bytes(TYPES.serialize_cdr(message, message.__msgtype__))
    return RawMessage(Topic("/camera/image_raw", message.__msgtype__, 0, ""), data, stamp_ns)


def noise(seed: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    """uint16; its thumbnails differ from seed to seed."""
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 16384, (8, 8)).astype(np.uint16), shape[::-1], interpolation=cv2.INTER_NEAREST)


class Bench:
    """A recorder with a clock and a disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now, self.free = 0.0, PLENTY
        self.recorders: list[RollingRecorder] = []

    def start(self, **config: float) -> RollingRecorder:
        segments = Segments(self.folder)
        settings = RecorderConfig(**config)
        self.recorders.append(RollingRecorder(segments, settings, lambda: self.now, lambda _: self.free))
        return self.recorders[-1]

    def feed(self, recorder: RollingRecorder, seconds: int, first: int = 0) -> None:
        """An image a second, each another one."""
        for index in range(first, first + seconds):
            self.now += 1
            recorder.take(raw_image(noise(index), "mono16", index * 1_000_000_000))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "recordings")
    yield made
    for recorder in made.recorders:
        recorder._writer = None
        with contextlib.suppress(OSError):  # closed by the test
            recorder.close()


def stamps(folder: Path) -> list[int]:
    """Seconds of the images in each bag, oldest first."""
    found = []
    for bag in sorted(folder.glob("[0-9]*")):
        with BagReader(bag) as reader:
            found += [raw.stamp_ns // 1_000_000_000 for raw in reader.raw_messages()]
    return found


def test_the_last_minutes_are_kept_in_closed_bags(bench: Bench) -> None:
    recorder = bench.start(minutes=0.5, segment_s=10.0)
    bench.feed(recorder, 95)
    segments = [segment.path.name for segment in recorder.segments.closed]
    assert [name[:7] for name in segments] == ["000007_", "000008_", "000009_"]
    assert stamps(bench.folder) == list(range(60, 90))
    recorder.close()
    assert stamps(bench.folder)[-1] == 94
    assert not [path for path in bench.folder.iterdir() if ".partial" in path.name]


def test_short_segments_count_as_what_they_are(bench: Bench) -> None:
    recorder = bench.start(minutes=0.5, segment_s=60.0, quota_gb=0.02)
    rng = np.random.default_rng(0)
    for index in range(8):  # a tenth of the quota in four seconds
        bench.now += 1
        recorder.take(raw_image(rng.integers(0, 65536, (480, 640), np.uint16), "mono16", index))
    assert len(recorder.segments.closed) == 1
    assert recorder.segments.closed[0].seconds == 4


def test_the_minutes_hold_over_a_restart(bench: Bench) -> None:
    recorder = bench.start(minutes=0.5, segment_s=10.0)
    bench.feed(recorder, 45)
    recorder.close()
    for number in (2, 3, 4):
        (path,) = bench.folder.glob(f"{number:06d}_*")
        began = datetime.strptime(path.name[7:], "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc).timestamp()
        os.utime(path, (began + 12, began + 12))
    again = bench.start(minutes=0.4, segment_s=10.0)
    assert [segment.path.name[:6] for segment in again.segments.closed] == ["000003", "000004", "000005"]


def test_what_is_open_when_the_power_goes_is_all_that_is_lost(bench: Bench) -> None:
    recorder = bench.start(segment_s=10.0)
    bench.feed(recorder, 35)
    os.close(recorder.segments._lock)  # as the kernel does when the process is killed
    again = bench.start(segment_s=10.0)
    assert [segment.path.name[:6] for segment in again.segments.closed] == ["000001", "000002", "000003"]
    assert not list(bench.folder.glob(".*partial*"))
    bench.feed(again, 5, 40)
    again.close()
    assert sorted(path.name[:6] for path in bench.folder.glob("[0-9]*"))[-1] == "000004"
    recorder.segments._lock = os.open(os.devnull, os.O_RDONLY)


def test_a_closed_bag_is_on_the_disk_before_it_has_its_name(bench: Bench, monkeypatch) -> None:
    synced: list[str] = []
    real = durable.sync

    def sync(path: Path) -> None:
        synced.append(f"{path.name} {bool(list(bench.folder.glob('[0-9]*')))}")
        real(path)

    monkeypatch.setattr(durable, "sync", sync)
    recorder = bench.start()
    bench.feed(recorder, 2)
    recorder.close()
    (name,) = (path.name for path in bench.folder.glob("[0-9]*"))
    assert {f"{name}.mcap False", "metadata.yaml False", f"{name} False"} <= set(synced)
    assert synced[-1] == "recordings True"


def test_the_quota_holds_with_the_open_segment_in_it(bench: Bench) -> None:
    recorder = bench.start(minutes=1000.0, quota_gb=0.02, still_difference=0.0, segment_s=3600.0)
    rng = np.random.default_rng(0)
    for index in range(45):
        recorder.take(raw_image(rng.integers(0, 65536, (480, 640), np.uint16), "mono16", index * 1_000_000_000))
        assert folder_bytes(bench.folder) <= 0.02 * GB + 1_200_000  # and the message that was just written
    assert len(recorder.segments.closed) > 5
    assert stamps(bench.folder)[0] > 10


def test_a_smaller_quota_counts_at_the_next_start(bench: Bench) -> None:
    recorder = bench.start(still_difference=0.0, segment_s=1.0)
    rng = np.random.default_rng(0)
    for index in range(60):
        bench.now += 0.5
        recorder.take(raw_image(rng.integers(0, 65536, (480, 640), np.uint16), "mono16", index))
    recorder.close()
    assert folder_bytes(bench.folder) > 0.03 * GB
    bench.start(quota_gb=0.02).close()
    assert 0.01 * GB < folder_bytes(bench.folder) <= 0.02 * GB


def test_files_are_for_their_owner_alone(bench: Bench) -> None:
    before = os.umask(0o022)
    try:
        recorder = bench.start()
        bench.feed(recorder, 2)
        recorder.close()
    finally:
        assert os.umask(before) == 0o022
    for path in (bench.folder, *bench.folder.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_images_that_hardly_differ_are_left_out(bench: Bench) -> None:
    recorder = bench.start()
    rng = np.random.default_rng(0)
    scene = noise(1)
    for _ in range(5):  # some counts of a sensor's noise
        recorder.take(raw_image(scene + rng.integers(0, 20, scene.shape, np.uint16), "mono16"))
    assert (recorder.counters.kept, recorder.counters.still) == (1, 4)
    moved = scene.copy()
    moved[:, :16] = noise(2)[:, :16]
    recorder.take(raw_image(moved, "mono16"))
    recorder.take(raw_image(scene, "mono16"))
    assert recorder.counters.kept == 3
    grey = (scene // 64).astype(np.uint8)
    for step in (0, 0, 2):  # another encoding, the same again, and two grey levels brighter
        recorder.take(raw_image(np.clip(grey, 0, 250) + np.uint8(step), "mono8"))
    metres = np.where(scene > 8000, np.inf, scene / 1000).astype(np.float32)
    recorder.take(raw_image(metres, "32FC1"))
    recorder.take(raw_image(metres, "32FC1"))
    assert (recorder.counters.kept, recorder.counters.still) == (6, 6)


def test_the_threshold_can_be_switched_off(bench: Bench) -> None:
    recorder = bench.start(still_difference=0.0)
    for _ in range(3):
        recorder.take(raw_image(noise(1), "mono16"))
    assert (recorder.counters.kept, recorder.counters.still) == (3, 0)


def test_slow_changes_are_kept_once_they_add_up(bench: Bench) -> None:
    recorder = bench.start()
    for level in range(0, 50):
        recorder.take(raw_image(np.full((48, 64), level // 5, np.uint8), "mono8"))
    assert recorder.counters.kept == 10


def test_a_still_scene_does_not_push_out_what_was_there_before(bench: Bench) -> None:
    recorder = bench.start(minutes=0.5, segment_s=10.0)
    bench.feed(recorder, 30)
    for _ in range(500):
        bench.now += 1
        recorder.take(raw_image(noise(29), "mono16"))
        recorder.idle()
    assert stamps(bench.folder) == list(range(30))


def test_an_idle_recorder_closes_its_segment(bench: Bench) -> None:
    recorder = bench.start(segment_s=10.0)
    bench.feed(recorder, 3)
    recorder.idle()
    assert not recorder.segments.closed
    bench.now += 10
    recorder.idle()
    assert len(recorder.segments.closed) == 1


def test_events_are_kept_whole(bench: Bench) -> None:
    recorder = bench.start()
    packet = make_packet("/dvs/events", np.arange(8, dtype=np.uint8), "evt3", (64, 48), 1, 5, "dvs")
    for _ in range(3):
        recorder.take(packet)
    recorder.close()
    (bag,) = bench.folder.glob("[0-9]*")
    with BagReader(bag) as reader:
        assert [raw.data for raw in reader.raw_messages()] == [packet.data] * 3


@pytest.mark.parametrize("keep", [3, -1], ids=["cut short", "without its last byte"])
def test_an_image_that_cannot_be_decoded_is_left_out(bench: Bench, keep: int) -> None:
    recorder = bench.start()
    image = raw_image(noise(1), "mono16")
    with pytest.raises(FrameError):
        recorder.take(RawMessage(image.topic, image.data[:keep], 1))
    recorder.take(image)
    assert recorder.counters.kept == 1


def test_a_full_disk_loses_the_open_segment_and_no_other(bench: Bench, monkeypatch) -> None:
    recorder = bench.start(segment_s=10.0)
    bench.feed(recorder, 25)
    assert len(recorder.segments.closed) == 2

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(bag_writer.Writer, "write", full)
        with pytest.raises(RecordingError, match=r"no space left for .*; 6 messages are lost, and it is tried again"):
            bench.feed(recorder, 1, 25)
        bench.feed(recorder, 3, 26)  # for a while nothing is tried
    assert recorder.counters.dropped == 9
    assert len(recorder.segments.closed) == 1  # the oldest has made room
    bench.now += 5
    bench.feed(recorder, 12, 30)
    assert len(recorder.segments.closed) == 2
    recorder.close()
    assert stamps(bench.folder)[-12:] == list(range(30, 42))
    assert not list(bench.folder.glob(".*partial*"))


def test_where_others_fill_the_disk_the_oldest_go_and_then_nothing_is_written(bench: Bench) -> None:
    recorder = bench.start(segment_s=10.0, reserve_gb=1.0)
    bench.feed(recorder, 25)
    bench.free = GB // 2
    with pytest.raises(RecordingError, match=r"nothing is recorded: 0.50 GB of disk are free .* reserve_gb is 1"):
        bench.feed(recorder, 1, 25)
    assert stamps(bench.folder) == list(range(20, 25))  # the open one has been closed, not lost
    bench.free = PLENTY
    bench.now += 5
    bench.feed(recorder, 5, 30)
    recorder.close()
    assert stamps(bench.folder) == [*range(20, 25), *range(30, 35)]


def test_a_second_recorder_and_a_folder_that_is_none_are_refused(bench: Bench, tmp_path: Path) -> None:
    bench.start()
    with pytest.raises(InputError, match="recorded to by another recorder: give each a folder of its own"):
        Segments(bench.folder)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file cannot be recorded to"):
        Segments(tmp_path / "file")


def test_what_else_lies_in_the_folder_stays(bench: Bench) -> None:
    for name in ("mine", "123_notes", ".hidden.partial-1", "000000_20269999T999999"):  # the last is taken for one
        (bench.folder / name).mkdir(parents=True)
    recorder = bench.start(minutes=0.1, segment_s=1.0)
    bench.feed(recorder, 30)
    recorder.close()
    assert {"mine", "123_notes", ".hidden.partial-1"} <= {path.name for path in bench.folder.iterdir()}


def test_the_folder_is_read_as_the_target_of_an_adaptation(bench: Bench, tmp_path: Path) -> None:
    recorder = bench.start(segment_s=10.0)
    bench.feed(recorder, 45)
    selection = TargetSelection((str(bench.folder),), "thermal")
    config = ModelConfig("tiny", TINY, STREET_9, "thermal", (32, 32), keep_aspect=True)
    limits = TargetLimits(min_frames=4)
    assert count_frames(selection, roots=[tmp_path]) == 40  # what is open does not count
    (read, kept) = list(read_frames(selection, {}, config, limits, tmp_path / "frames", [tmp_path]))[-1]
    assert read == 40
    assert kept > 20


def test_a_segment_that_goes_while_the_folder_is_read_is_told_and_no_more(bench: Bench, tmp_path: Path) -> None:
    recorder = bench.start(segment_s=10.0)
    bench.feed(recorder, 35)
    selection = TargetSelection((str(bench.folder),), "thermal")
    config = ModelConfig("tiny", TINY, STREET_9, "thermal", (32, 32), keep_aspect=True)
    frames = read_frames(selection, {}, config, TargetLimits(min_frames=4), tmp_path / "frames", [tmp_path])
    next(frames)
    recorder.segments.drop_oldest()
    recorder.segments.drop_oldest()
    *_, (read, _) = frames
    assert read == 20
    assert "has gone meanwhile" in (tmp_path / "frames" / "frames.json").read_text()
