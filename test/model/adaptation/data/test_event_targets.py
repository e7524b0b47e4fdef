# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Target frames out of events: the edge frames of live operation, which of them are worth it, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from adaptation_samples import CONFIG, make_request, write_bag
from event_bag_samples import TOPIC, write_event_bag

from madm_model.adaptation.data.target_bags import TargetSelection, collect_frames, count_frames
from madm_model.adaptation.data.target_frames import TargetLimits
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edge_source import open_edge_frames
from madm_model.io.bags import BagWriter, make_image_message
from madm_model.io.frames import InputError
from madm_model.jobs.check import check_request
from madm_model.jobs.job import AdaptationJob
from madm_model.jobs.request import JobFolder, JobRequest, RequestError
from madm_model.modalities import make_preprocessor
from madm_model.model_config import ModelConfig
from madm_model.store import VersionStore

LIMITS = TargetLimits(max_frames=100, min_frames=4, duplicate_difference=0.0)
RECORDED = Path(__file__).resolve().parents[5] / "shared" / "data" / "bags"


def selection(*bags: Path, **arguments) -> TargetSelection:
    return TargetSelection(tuple(map(str, bags)), "event", **arguments)


def live_images(path: Path, config: EdgeConfig | None = None) -> np.ndarray:
    preprocess = make_preprocessor("event")
    return np.stack([preprocess(frame) for frame in open_edge_frames(path, TOPIC, config)])


def test_frames_are_the_edge_frames_of_live_operation(tmp_path) -> None:
    bag = write_event_bag(tmp_path / "bag", 0.5)
    frames = collect_frames(selection(bag), {}, CONFIG, LIMITS, tmp_path / "out")
    live = live_images(bag)
    np.testing.assert_array_equal(frames.images, live)
    assert len(live) == 14 and live.any()
    assert count_frames(selection(bag)) in (14, 15, 16)


def test_settings_of_the_edges_count_and_frames_come_by_time_whatever_the_window(tmp_path) -> None:
    bag = write_event_bag(tmp_path / "bag", 0.5)
    chosen = selection(bag, topic=TOPIC, edges={"mode": "time_surface", "period_s": 0.05, "window": "stamps"})
    frames = collect_frames(chosen, {}, CONFIG, LIMITS, tmp_path / "out")
    np.testing.assert_array_equal(frames.images, live_images(bag, EdgeConfig(mode="time_surface", period_s=0.05)))
    inverted = collect_frames(chosen, {"invert": True}, CONFIG, LIMITS, tmp_path / "inverted")
    np.testing.assert_array_equal(inverted.images, 255 - np.asarray(frames.images))
    with pytest.raises(ValueError, match="unknown setting of edge frames 'speed'"):
        selection(bag, edges={"speed": 1})
    with pytest.raises(ValueError, match="mode is 'loud'"):
        selection(bag, edges={"mode": "loud"})


def test_time_range_and_stride(tmp_path) -> None:
    bag = write_event_bag(tmp_path / "bag", 1.0)
    chosen = selection(bag, start_s=0.2, end_s=0.81, stride=2, edges={"period_s": 0.05})
    assert len(collect_frames(chosen, {}, CONFIG, LIMITS, tmp_path / "out")) == 6
    assert count_frames(chosen) in (6, 7)


def test_motion_is_kept_and_the_noise_of_a_still_scene_is_not(tmp_path) -> None:
    limits = TargetLimits(max_frames=100, min_frames=4)
    size = (320, 240)
    moving = write_event_bag(tmp_path / "moving", 1.0, size, speed=200, noise=150)
    frames = collect_frames(selection(moving), {}, CONFIG, limits, tmp_path / "out")
    assert np.asarray(frames.images).mean() < 10  # sparse
    assert len(frames) >= 20
    still = write_event_bag(tmp_path / "still", 1.0, size, speed=0, noise=150)
    with pytest.raises(InputError, match=r"only \d different frames are left of 29 read, 4 are needed"):
        collect_frames(selection(still), {}, CONFIG, limits, tmp_path / "none")


def test_a_bag_that_breaks_off_is_read_up_to_there(tmp_path) -> None:
    bag = write_event_bag(tmp_path / "bag", 20.0, noise=200)
    (file,) = bag.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    frames = collect_frames(selection(bag), {}, CONFIG, replace(LIMITS, max_frames=1000), tmp_path / "out")
    assert 100 < len(frames) < 500


def test_event_files_are_targets_too(tmp_path) -> None:
    text = tmp_path / "dot.txt"
    text.write_text("48 32\n" + "".join(f"{k / 1000} {k * 48 // 1000} {k % 32} {k % 2}\n" for k in range(1000)))
    frames = collect_frames(selection(text), {}, CONFIG, LIMITS, tmp_path / "out")
    assert len(frames) == 29
    assert count_frames(selection(text)) > 10**9  # only reading tells
    with pytest.raises(InputError, match="does not exist"):
        count_frames(selection(tmp_path / "gone.raw"))
    with pytest.raises(InputError, match="is not a bag"):
        count_frames(TargetSelection((str(text),), "thermal"))


def test_finished_edge_frames_are_images(tmp_path) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        for number, image in enumerate(live_images(write_event_bag(tmp_path / "events", 0.5))):
            bag.write("/edges", make_image_message(image[..., 0].copy(), "mono8", number + 1, "events"), number + 1)
    for chosen in (selection(tmp_path / "bag"), selection(tmp_path / "bag", topic="/edges")):
        assert count_frames(chosen) == 14
    frames = collect_frames(selection(tmp_path / "bag"), {}, CONFIG, LIMITS, tmp_path / "out")
    np.testing.assert_array_equal(frames.images, live_images(tmp_path / "events"))


@pytest.fixture
def request_(tmp_path) -> JobRequest:
    request = make_request(tmp_path, write_event_bag(tmp_path / "bag", 1.0))
    return replace(request, target=replace(request.target, modality="event"))


@pytest.fixture
def store(tmp_path) -> VersionStore:
    return VersionStore(tmp_path / "store", tmp_path / "base")


def test_a_request_is_checked_before_anything_starts(store, request_, tmp_path) -> None:
    settings = check_request(request_, store)
    assert settings.training.lplr.source_weight == 20 and settings.training.lplr.target_weight == 0

    def refusal(**changes) -> str:
        with pytest.raises(RequestError) as error:
            check_request(replace(request_, target=replace(request_.target, **changes)), store)
        return str(error.value)

    thermal = str(write_bag(tmp_path / "thermal"))
    assert "has no event topic /rgb; it holds /event_camera/events" in refusal(topic="/rgb")
    assert "the selection has 3 frames, 4 are needed" in refusal(end_s=0.09)
    assert "does not exist" in refusal(bags=(str(tmp_path / "gone"),))
    assert "has no event topic /event_camera/events" in refusal(bags=(thermal,), topic=TOPIC)
    assert "has no image topic" in refusal(modality="thermal")
    with BagWriter(tmp_path / "empty"):
        pass
    assert "has no topic of event_camera_msgs/msg/EventPacket" in refusal(bags=(str(tmp_path / "empty"),))
    assert not store.root.exists()


def test_a_job_on_events_ends_with_a_version_for_them(store, request_) -> None:
    folder = JobFolder.create(store.root, request_)
    events: list[dict] = []
    state = AdaptationJob(store.root, folder.job_id, events.append, lambda: False).run()
    assert state == "activated", folder.state().message
    info = store.info("v0001")
    assert info.modality == "event"
    assert {check["name"] for check in info.gate["checks"]} >= {"agreement", "temporal consistency", "source mIoU"}
    assert ModelConfig.load(store.read().folder).modality == "event"
    progress = [event for event in events if event["event"] == "progress"]
    assert {"target_segmentation", "source_regression"} <= progress[0]["losses"].keys()


@pytest.mark.parametrize("name", ["events_evt3", "events_evt3.bag"])
def test_a_recording_of_someone_walking_by(name, tmp_path) -> None:
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    if not (RECORDED / name).exists():
        pytest.skip(f"the recording shared/data/bags/{name} is not beside this checkout")
    chosen = selection(RECORDED / name)
    assert 60 <= count_frames(chosen) <= 63
    frames = collect_frames(chosen, {}, CONFIG, TargetLimits(), tmp_path)
    # The camera stands still; someone walks through its view.
    assert 16 <= len(frames) <= 40
