# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The frames of `madm segment` come from a process with limits, and are those that are read without one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from madm_model.events.edge_config import EdgeConfig
from madm_model.io.bags import BagWriter, make_image_message
from madm_model.io.frames import FrameError, InputError
from madm_model.io.limited import Limits
from madm_model.io.sources import open_frames
from madm_model.recording_source import open_recording


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Four images, the second of which is damaged."""
    with BagWriter(tmp_path / "bag") as writer:
        for index in range(4):
            message = make_image_message(np.full((4, 6), index, np.uint8), "mono8", index, "camera")
            message.step -= index == 1
            writer.write("/image", message, index)
    return tmp_path / "bag"


def test_frames_are_those_of_the_recording_each_time_they_are_read(bag) -> None:
    bad: list[FrameError] = []
    source, made_topic = open_recording(bag, stride=1, on_bad_frame=bad.append)
    same = open_frames(bag, on_bad_frame=lambda error: None)
    assert (source.topic, source.length, source.rate_hz, made_topic) == ("/image", 4, same.rate_hz, None)
    for times in (1, 2):
        for frame, expected in zip(source, same, strict=True):
            np.testing.assert_array_equal(frame.array, expected.array)
            assert frame.recorded == expected.recorded
        assert len(bad) == times and "step is 5" in str(bad[0])
    with pytest.raises(FrameError, match="step is 5"):
        list(open_recording(bag)[0])


def test_frames_made_of_events_name_their_topic(tmp_path) -> None:
    (tmp_path / "dot.txt").write_text("4 4\n" + "".join(f"{5 + k / 1000} 1 1 1\n" for k in range(100)))
    source, made_topic = open_recording(tmp_path / "dot.txt", edges=EdgeConfig(period_s=0.05))
    assert [frame.stamp_ns for frame in source] == [5_050_000_000]
    assert made_topic == "/edges"


def test_limits_end_in_one_error(bag, monkeypatch) -> None:
    monkeypatch.setattr(Limits, "of_recordings", lambda paths: Limits(memory_bytes=1_000_000))
    with pytest.raises(InputError) as caught:
        open_recording(bag)
    assert str(bag) in str(caught.value) and "\n" not in str(caught.value)
