# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Bags, folders and single files through one door."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from madm_model.io.bags import BagError, BagWriter, make_image_message
from madm_model.io.frames import FrameError, InputError
from madm_model.io.sources import open_frames, read_image

GREY16 = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000


def write_bag(path: Path, topics: tuple[str, ...] = ("/thermal",)) -> Path:
    with BagWriter(path) as writer:
        for index in range(7):
            for topic in topics:
                message = make_image_message(GREY16 + index, "mono16", index, "thermal")
                writer.write(topic, message, 1_000_000_000 + index * 100_000_000)
    return path


def test_a_bag_with_its_length_more_than_once(tmp_path):
    write_bag(tmp_path / "bag")
    for path in (tmp_path / "bag", tmp_path / "bag" / "bag.mcap"):
        source = open_frames(path, stride=2)
        assert (source.length, source.topic) == (4, "/thermal")
        for _ in range(2):
            assert [frame.stamp_ns for frame in source] == [0, 2, 4, 6]
    part = open_frames(tmp_path / "bag", topic="/thermal", start_s=0.1, end_s=0.35)
    assert part.length is None
    assert [frame.stamp_ns for frame in part] == [1, 2, 3]


def test_a_bag_complains_when_opened_not_when_read(tmp_path):
    write_bag(tmp_path / "bag", ("/left", "/right"))
    with pytest.raises(BagError, match="name one: /left, /right"):
        open_frames(tmp_path / "bag")
    with pytest.raises(BagError, match="no topic /up"):
        open_frames(tmp_path / "bag", "/up")


def test_a_folder_in_the_order_of_its_numbers(tmp_path):
    for index in (10, 9, 100, 1):
        cv2.imwrite(str(tmp_path / f"frame{index}.png"), np.full((4, 4), index, np.uint8))
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "._frame1.png").write_text("what macOS leaves beside a copy")
    source = open_frames(tmp_path)
    assert (source.length, source.topic) == (4, None)
    assert [(frame.frame_id, int(frame.array[0, 0]), frame.stamp_ns) for frame in source] == [
        ("frame1", 1, 0),
        ("frame9", 9, 0),
        ("frame10", 10, 0),
        ("frame100", 100, 0),
    ]
    assert [frame.frame_id for frame in open_frames(tmp_path, stride=3)] == ["frame1", "frame100"]


def test_files_that_differ_in_their_ending_alone_make_frames_keep_it(tmp_path):
    for name in ("1.png", "1.jpg", "1.png.jpg", "2.png"):
        cv2.imwrite(str(tmp_path / name), np.zeros((4, 4), np.uint8))
    assert [frame.frame_id for frame in open_frames(tmp_path)] == ["1.jpg", "1.png", "1.png.jpg", "2.png"]
    assert [frame.frame_id for frame in open_frames(tmp_path, stride=3)] == ["1.jpg", "2.png"]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_stay_sixteen(tmp_path, suffix):
    file = tmp_path / f"grey{suffix}"
    cv2.imwrite(str(file), GREY16)
    (frame,) = open_frames(file)
    np.testing.assert_array_equal(frame.array, GREY16)
    assert frame.encoding == "mono16"


def test_colour_files_are_rgb(tmp_path):
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 2] = 255
    for suffix in (".png", ".jpg", ".bmp", ".TIFF"):
        cv2.imwrite(str(tmp_path / f"red{suffix}"), red)
    for frame in open_frames(tmp_path):
        assert frame.encoding == "rgb8"
        np.testing.assert_allclose(frame.array.reshape(-1, 3).mean(0), [255, 0, 0], atol=2)


def test_float_files_are_depth_in_metres(tmp_path):
    metres = np.linspace(0.5, 40, 48).reshape(6, 8)
    np.save(tmp_path / "a.npy", metres)
    cv2.imwrite(str(tmp_path / "b.tif"), metres.astype(np.float32))
    for frame in open_frames(tmp_path):
        assert (frame.encoding, frame.array.dtype) == ("32FC1", np.float32)
        np.testing.assert_allclose(frame.array, metres, rtol=1e-6)
    colour = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    np.save(tmp_path / "c.npy", colour)
    (frame,) = open_frames(tmp_path / "c.npy")
    assert frame.encoding == "rgb8"
    np.testing.assert_array_equal(frame.array, colour)


def test_what_cannot_be_opened(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("no image")
    cv2.imwrite(str(tmp_path / "image.png"), GREY16)
    for arguments, message in [
        ({"path": tmp_path / "nowhere"}, "does not exist"),
        ({"path": tmp_path / "empty"}, "neither a bag .* nor a folder of images"),
        ({"path": tmp_path / "notes.txt"}, "neither a bag .* nor an image"),
        ({"path": tmp_path / "image.png", "topic": "/rgb"}, "is not a bag"),
        ({"path": tmp_path / "image.png", "start_s": 1.0}, "is not a bag"),
        ({"path": tmp_path / "image.png", "stride": 0}, "at least 1"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            open_frames(**arguments)
        assert "\n" not in str(caught.value)


def test_a_broken_file_is_named_or_skipped(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), GREY16)
    whole = (tmp_path / "0.png").read_bytes()
    (tmp_path / "1.png").write_bytes(whole[:-30])
    (tmp_path / "2.jpg").write_bytes(b"no image")
    (tmp_path / "3.png").touch()
    (tmp_path / "4.npy").write_bytes(b"no array")
    np.save(tmp_path / "5.npy", np.zeros((4, 4), np.int64))
    np.save(tmp_path / "6.npy", np.zeros((0, 4), np.uint8))
    np.save(tmp_path / "7.npy", np.array([{}], dtype=object), allow_pickle=True)
    header = {"descr": "|u1", "fortran_order": False, "shape": (1 << 20, 1 << 20)}
    with (tmp_path / "8.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with (tmp_path / "9.png").open("wb") as file:
        file.truncate(1 << 40)
    errors: list[FrameError] = []
    source = open_frames(tmp_path, on_bad_frame=errors.append)
    assert [frame.frame_id for frame in source] == ["0"]
    assert [Path(str(error).split(": ")[0]).name[0] for error in errors] == list("123456789")
    assert "the file cannot be read" in str(errors[7]) and "too large for an image" in str(errors[8])
    with pytest.raises(FrameError, match=r"1\.png: the compressed image ends early"):
        list(open_frames(tmp_path))


def test_a_pipe_under_an_images_name_is_an_error_not_a_wait(tmp_path):
    os.mkfifo(tmp_path / "0.png")
    with pytest.raises(FrameError, match=r"0\.png: the file cannot be read \(it is no file"):
        read_image(tmp_path / "0.png")
