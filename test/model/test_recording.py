# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A recording becomes labels, a video, a sheet and a bag; what cannot be read is named and the rest is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from madm_model.events.container import EventError
from madm_model.io.bags import BagReader, BagWriter, make_image_message
from madm_model.io.frames import InputError, RawFrame
from madm_model.io.sources import FrameSource, open_frames
from madm_model.labels import STREET_11
from madm_model.modalities import make_preprocessor
from madm_model.recording import RecordingSummary, ResultFolder, segment_recording
from madm_model.segmenter import Segmentation


class HalvesSegmenter:
    """Calls the bright half of an image road, the dark half sky."""

    def segment(self, images):
        return [Segmentation(np.where(image[..., 0] > 127, 5, 0).astype(np.uint8), image[..., 0]) for image in images]


def half_bright(dtype: type = np.uint8) -> np.ndarray:
    image = np.zeros((24, 32), dtype)
    image[:, 16:] = 200
    return image


def write_bag(path: Path, frames: int = 4) -> None:
    with BagWriter(path) as bag:
        for index in range(frames):
            stamp = 1_000_000_000 + index * 100_000_000
            bag.write("/thermal/image_raw", make_image_message(half_bright(), "mono8", stamp, "camera"), stamp + 5)


def run(recording: Path, out: Path, stride: int = 1) -> RecordingSummary:
    skipped: list[str] = []
    source = open_frames(recording, stride=stride, on_bad_frame=lambda error: skipped.append(str(error)))
    results = ResultFolder(out, STREET_11, 0.5, source.rate_hz, source.length)
    summary = segment_recording(source, make_preprocessor("thermal"), HalvesSegmenter(), results, lambda: None)
    summary.skipped += skipped
    return summary


def test_bag_gives_labels_beside_its_images(tmp_path):
    write_bag(tmp_path / "bag")
    summary = run(tmp_path / "bag", tmp_path / "out")
    assert summary.frames == 4 and not summary.skipped and not summary.broken_off
    assert all(len(times) == 4 for times in summary.milliseconds.values())
    labels = cv2.imread(str(tmp_path / "out" / "labels" / "000003.png"), cv2.IMREAD_UNCHANGED)
    assert labels.shape == (24, 32) and labels[0, 0] == 0 and labels[0, 31] == 5
    with BagReader(tmp_path / "out" / "bag") as bag:
        assert {name: topic.count for name, topic in bag.topics().items()} == {
            "/thermal/image_raw": 4,
            "/thermal/labels": 4,
        }
        stamps = [(frame.stamp_ns, frame.frame_id) for frame in bag.frames("/thermal/labels")]
    assert stamps[1] == (1_100_000_000, "camera")
    capture = cv2.VideoCapture(str(tmp_path / "out" / "overlay.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 4 and capture.get(cv2.CAP_PROP_FPS) == pytest.approx(10, rel=0.01)
    assert (tmp_path / "out" / "contact_sheet.png").stat().st_size > 0


def test_a_bag_of_one_image_has_no_rate_and_is_segmented(tmp_path):
    write_bag(tmp_path / "bag", 1)
    summary = run(tmp_path / "bag", tmp_path / "out")
    assert (summary.frames, summary.broken_off, summary.skipped) == (1, "", [])
    with BagReader(tmp_path / "out" / "bag") as bag:
        assert (bag.duration_s, len(list(bag.frames("/thermal/labels")))) == (0.0, 1)


def test_stride_takes_every_second_frame(tmp_path):
    write_bag(tmp_path / "bag")
    assert run(tmp_path / "bag", tmp_path / "out", stride=2).frames == 2


def test_folder_keeps_file_names_and_names_bad_files(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    cv2.imwrite(str(folder / "night.png"), half_bright(np.uint16))
    (folder / "broken.png").write_bytes(b"not a picture")
    summary = run(folder, tmp_path / "out")
    assert summary.frames == 1 and len(summary.skipped) == 1 and "broken.png" in summary.skipped[0]
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == ["night.png"]


def test_images_that_differ_in_their_ending_alone_have_labels_each(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("0001.png", "0001.jpg", "0002.png"):
        cv2.imwrite(str(folder / name), half_bright())
    assert run(folder, tmp_path / "out").frames == 3
    labels = sorted(path.name for path in (tmp_path / "out" / "labels").iterdir())
    assert labels == ["0001.jpg.png", "0001.png.png", "0002.png.png"]


def test_bag_that_breaks_off_keeps_what_was_read(tmp_path):
    noise = np.random.default_rng(0)
    with BagWriter(tmp_path / "bag") as bag:
        for index in range(40):
            image = noise.integers(0, 256, (240, 320), dtype=np.uint8)
            bag.write("/thermal/image_raw", make_image_message(image, "mono8", index, "camera"), index)
    (file,) = (tmp_path / "bag").glob("*.mcap")
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 6 // 10])
    summary = run(file, tmp_path / "out")
    assert 0 < summary.frames < 40
    assert len(list((tmp_path / "out" / "labels").iterdir())) == summary.frames


def test_results_are_never_overwritten(tmp_path):
    (tmp_path / "precious").write_text("results of yesterday")
    with pytest.raises(InputError, match="not empty"):
        ResultFolder(tmp_path, STREET_11, 0.5, 10, None)


def test_frames_made_of_other_messages_are_written_beside_their_labels(tmp_path):
    def read() -> Iterator[RawFrame]:
        yield from (RawFrame(half_bright(), "mono8", index * 10**9, "dvs") for index in range(1, 4))
        raise EventError("a packet is damaged")

    source = FrameSource(tmp_path, "/dvs/events", None, 1.0, read)
    results = ResultFolder(tmp_path / "out", STREET_11, 0.5, 1.0, None, made_topic="/dvs/edges")
    summary = segment_recording(source, make_preprocessor("event"), HalvesSegmenter(), results, lambda: None)
    assert summary.frames == 3 and summary.broken_off == "a packet is damaged"
    names = sorted(path.name for path in (tmp_path / "out" / "labels").iterdir())
    assert names == ["000000.png", "000001.png", "000002.png"]
    with BagReader(tmp_path / "out" / "bag") as bag:
        for topic in ("/dvs/edges", "/dvs/labels"):
            frames = list(bag.frames(topic))
            assert [(frame.stamp_ns, frame.frame_id) for frame in frames] == [(n * 10**9, "dvs") for n in (1, 2, 3)]
        np.testing.assert_array_equal(next(bag.frames("/dvs/edges")).array, half_bright())
