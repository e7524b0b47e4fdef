# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Frames out of recordings: streamed, without near-duplicates, thinned, the end of each bag held out."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from adaptation_samples import CONFIG, TOPIC, thermal_frames, write_bag

from madm_model.adaptation.data.target_bags import TargetSelection, collect_frames, count_frames
from madm_model.adaptation.data.target_frames import (
    FRAMES_FILE,
    META_FILE,
    FrameCollector,
    TargetFrames,
    TargetLimits,
)
from madm_model.io.bags import BagWriter, make_image_message
from madm_model.io.frames import InputError, RawFrame
from madm_model.modalities import make_preprocessor

LIMITS = TargetLimits(max_frames=100, min_frames=4, duplicate_difference=0.0)


def selection(*bags, **arguments) -> TargetSelection:
    return TargetSelection(tuple(map(str, bags)), "thermal", **arguments)


def test_frames_are_those_the_live_preprocessing_gives(tmp_path) -> None:
    frames = collect_frames(selection(write_bag(tmp_path / "bag", 10)), {}, CONFIG, LIMITS, tmp_path / "out")
    preprocess = make_preprocessor("thermal")
    live = [preprocess(RawFrame(array, "mono16", 0, "")) for array in thermal_frames(10)]
    np.testing.assert_array_equal(frames.images, np.stack(live))
    assert frames.notes == []


def test_settings_of_the_modality_count(tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", 6)
    plain, inverted = (
        collect_frames(selection(bag), {"invert": invert}, CONFIG, LIMITS, tmp_path / str(invert))
        for invert in (False, True)
    )
    np.testing.assert_allclose(plain.images[0], 255 - inverted.images[0], atol=1)


def test_the_end_of_each_bag_is_held_out(tmp_path) -> None:
    bags = [write_bag(tmp_path / "a", 20), write_bag(tmp_path / "b", 10)]
    frames = collect_frames(selection(*bags), {}, CONFIG, replace(LIMITS, held_out_share=0.2), tmp_path / "out")
    assert len(frames) == 30
    assert [run.tolist() for run in frames.held_out] == [[16, 17, 18, 19], [28, 29]]
    assert frames.training.tolist() == [*range(16), *range(20, 28)]


@pytest.mark.parametrize(
    "counts, held_out",
    [
        ([1] * 20, [[3], [9], [16]]),
        ([0, 2, 0], [[1]]),
        ([3] * 4, [[5], [11]]),
        ([40, 1, 1, 40], [list(range(34, 40)), list(range(76, 82))]),
    ],
)
def test_of_short_bags_together_as_many_are_held_out_as_of_a_long_one(tmp_path, counts, held_out) -> None:
    count = sum(counts)
    (tmp_path / FRAMES_FILE).write_bytes(bytes(count * 12))
    meta = {"count": count, "counts": counts, "shape": [2, 2, 3], "enlargement": 1.0, "notes": []}
    (tmp_path / META_FILE).write_text(json.dumps(meta | {"held_out_share": 0.15}))
    frames = TargetFrames(tmp_path)
    assert [run.tolist() for run in frames.held_out] == held_out
    assert sorted([*frames.training, *np.concatenate(frames.held_out)]) == list(range(count))


def test_topic_time_range_and_stride(tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", 30)
    chosen = selection(bag, topic=TOPIC, start_s=0.95, end_s=2.05, stride=2)
    frames = collect_frames(chosen, {}, CONFIG, LIMITS, tmp_path / "out")
    assert len(frames) == 6  # 10, 12, 14, ... 20
    assert count_frames(selection(bag)) == 30
    assert count_frames(selection(bag, stride=3)) == 10
    assert count_frames(chosen) in (6, 7)


def test_frames_that_show_the_same_are_skipped(tmp_path) -> None:
    still = next(thermal_frames(1))
    with BagWriter(tmp_path / "bag") as bag:
        for number, array in enumerate([still] * 5 + list(thermal_frames(6, first=1)) + [still] * 3):
            stamp_ns = number * 100_000_000 + 1
            bag.write(TOPIC, make_image_message(array, "mono16", stamp_ns, "thermal"), stamp_ns)
    limits = replace(LIMITS, duplicate_difference=0.5)
    assert len(collect_frames(selection(tmp_path / "bag"), {}, CONFIG, limits, tmp_path / "out")) == 1 + 6 + 1


def test_a_long_bag_is_thinned_evenly_and_the_file_stays_small(tmp_path) -> None:
    seen = []
    limits = replace(LIMITS, max_frames=16)
    frames = collect_frames(
        selection(write_bag(tmp_path / "bag", 100)),
        {"max_change": 1.0},
        CONFIG,
        limits,
        tmp_path / "out",
        lambda read, kept: seen.append(kept),
    )
    assert max(seen) == 16
    assert 8 <= len(frames) <= 16
    assert (tmp_path / "out" / "frames.bin").stat().st_size == len(frames) * 32 * 48 * 3
    preprocess = make_preprocessor("thermal", {"max_change": 1.0})
    live = [preprocess(RawFrame(array, "mono16", 0, "")) for array in thermal_frames(100)]
    found = [next(i for i, image in enumerate(live) if (image == kept).all()) for kept in frames.images]
    steps = np.diff(found)
    assert found[-1] > 85
    assert set(steps) <= {7, 8, 9}


def test_many_short_bags_are_thinned_too(tmp_path) -> None:
    with (tmp_path / FRAMES_FILE).open("w+b") as file:
        collector = FrameCollector(file, CONFIG, replace(LIMITS, max_frames=16))
        for number in range(50):
            collector.begin_bag()
            collector.add(np.full((32, 48, 3), number, np.uint8))
            assert collector.count <= 16
        collector.complete(tmp_path, "", {"notes": []})
    frames = TargetFrames(tmp_path)
    kept = frames.images[:, 0, 0, 0].astype(int)
    assert 8 <= len(frames) <= 16 and len(frames.training) > 6
    assert set(np.diff(kept)) <= {3, 4, 5} and kept[-1] > 45


def test_a_large_frame_is_kept_a_little_larger_than_the_network_sees_it(tmp_path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for number, array in enumerate(thermal_frames(6)):
            large = np.kron(array, np.ones((4, 4), np.uint16))
            bag.write(TOPIC, make_image_message(large, "mono16", number + 1, "thermal"), number + 1)
    frames = collect_frames(selection(tmp_path / "bag"), {}, CONFIG, LIMITS, tmp_path / "out")
    assert frames.images.shape == (6, 40, 60, 3)
    assert frames.enlargement == 1.25


def test_what_was_collected_is_not_read_again(tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", 8)
    first = collect_frames(selection(bag), {}, CONFIG, LIMITS, tmp_path / "out")
    again = collect_frames(selection(tmp_path / "gone"), {}, CONFIG, LIMITS, tmp_path / "out")
    np.testing.assert_array_equal(first.images, again.images)


def test_too_few_frames_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="only 3 different frames are left of 3 read, 4 are needed"):
        collect_frames(selection(write_bag(tmp_path / "bag", 3)), {}, CONFIG, LIMITS, tmp_path / "out")
    assert not (tmp_path / "out" / "frames.json").exists()


def test_where_no_frame_fits_the_modality_that_is_told(tmp_path) -> None:
    bag = tmp_path / "bag"
    with BagWriter(bag) as writer:
        for number in range(1, 9):
            frame = np.full((8, 8), number, np.float32)
            writer.write(TOPIC, make_image_message(frame, "32FC1", number, "depth"), number)
    with pytest.raises(InputError, match=r"no frame could be used\. 8 frames of .* encoding '32FC1' is no thermal"):
        collect_frames(selection(bag), {}, CONFIG, LIMITS, tmp_path / "out")


def test_a_bag_that_breaks_off_is_read_up_to_there(tmp_path) -> None:
    bag = write_bag(tmp_path / "bag", 2000)
    (file,) = bag.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    frames = collect_frames(selection(bag), {}, CONFIG, LIMITS, tmp_path / "out")
    assert len(frames) >= 4


def test_bad_frames_are_counted_and_left_out(tmp_path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for number, array in enumerate(thermal_frames(8)):
            message = make_image_message(array, "mono16", number + 1, "thermal")
            if number % 2:
                message.encoding = "yuv422"
            bag.write(TOPIC, message, number + 1)
    frames = collect_frames(selection(tmp_path / "bag"), {}, CONFIG, LIMITS, tmp_path / "out")
    assert len(frames) == 4
    assert frames.notes[0].startswith("4 frames of ")


def test_a_full_disk_is_an_error_not_a_death(tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FrameCollector, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        collect_frames(selection(write_bag(tmp_path / "bag", 5)), {}, CONFIG, LIMITS, tmp_path / "out")


@pytest.mark.parametrize("arguments", [{"stride": 0}, {"start_s": 3.0, "end_s": 2.0}, {"start_s": -1.0}])
def test_a_selection_without_sense_is_refused(arguments) -> None:
    with pytest.raises(ValueError, match="stride must be at least 1"):
        selection("bag", **arguments)
