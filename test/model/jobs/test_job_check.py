# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What is refused before a job starts: settings, recordings, paths, room."""

from __future__ import annotations

import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from adaptation_samples import TOPIC, Run, thermal_frames, write_model, write_source

from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.checkpoint.model_folder import build_student, save_model
from madm_model.io.bags import BagWriter, make_image_message
from madm_model.jobs import check as job_check
from madm_model.jobs import room as job_room
from madm_model.jobs.check import check_request
from madm_model.jobs.gate import GateConfig
from madm_model.jobs.request import JobRequest, RequestError
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.store import VersionStore
from madm_model.students.architecture import SWIFTNET


def under(request: JobRequest, roots: list[Path]) -> JobRequest:
    return replace(request, bag_roots=tuple(map(str, roots)))


def refusal(request: JobRequest, store: VersionStore) -> str:
    with pytest.raises(RequestError) as error:
        check_request(request, store)
    return str(error.value)


def test_requests_are_checked_before_anything_starts(store, request_, tmp_path) -> None:
    check_request(request_, store)

    def target(**changes) -> JobRequest:
        return replace(request_, target=replace(request_.target, **changes))

    assert "does not exist" in refusal(target(bags=(str(tmp_path / "gone"),)), store)
    assert "has no topic /depth" in refusal(target(topic="/depth"), store)
    assert "the selection has 2 frames, 4 are needed" in refusal(target(stride=12), store)
    assert "unknown option 'speed'" in refusal(replace(request_, options={"speed": "1"}), store)
    assert "images/ and labels/" in refusal(replace(request_, source=str(tmp_path)), store)
    assert "invert is 3" in refusal(replace(request_, preprocessing={"invert": 3}), store)
    assert "modality 'radar'" in refusal(target(modality="radar"), store)
    for options, reason in (
        ({"iterations": "2"}, "iterations is no option"),
        ({"checkpoint_every": "0"}, "option checkpoint_every: '0' does not fit"),
        ({"crop_height": "17"}, "crop_height and crop_width must be multiples of"),
        ({"seed": "-1"}, "option seed: '-1' does not fit"),
        ({"max_scale": "inf"}, "it has to be a finite number"),
        ({"learning_rate": "nan"}, "it has to be a finite number"),
        ({"steps": '["a"]'}, "it has to be a valid number"),
        ({"steps": "[" * 100_000}, "a list such as [1, 2]"),
        ({"blur_sigma": "[1]"}, "Field required"),
        ({"initial_steps": "[1.5, 2]"}, "it has to be a valid integer"),
        ({"max_frames": "16", "min_frames": "16"}, "min_frames must be at most half of max_frames"),
    ):
        assert reason in refusal(replace(request_, options={**request_.options, **options}), store)
    assert not store.root.exists()


def test_limits_of_the_gate_that_a_server_has_set_are_no_options(store, request_) -> None:
    ruled = replace(request_, gate={"agreement_drop": 0.1, "activation_iterations": 5}, options={"min_frames": "4"})
    assert check_request(ruled, store).gate == GateConfig(agreement_drop=0.1, activation_iterations=5)
    for name in ("agreement_drop", "gate.agreement_drop", "activation_iterations", "gate.frames"):
        options = {**ruled.options, name: "1" if name.endswith("drop") else "2"}
        assert "parameters of the server (gate.*)" in refusal(replace(ruled, options=options), store)
    options = {**ruled.options, "protect": '["vehicle"]'}
    assert "parameters of the server (gate.*)" in refusal(replace(ruled, options=options), store)


def test_classes_that_must_not_be_lost_are_among_the_models(store, request_) -> None:
    kept = replace(request_, gate={"protect": ["pole", ""]})  # as JSON has it
    assert check_request(replace(kept, options={"min_frames": "4"}), store).gate.protect == ("pole", "")
    for wrong in (
        replace(request_, gate={"protect": ["persn"]}, options={}),
        replace(request_, options={**request_.options, "protect": '["persn"]'}),
    ):
        assert "protect names 'persn', but the model's classes are sky, building" in refusal(wrong, store)


def test_labelled_frames_lie_where_jobs_may_read_and_a_servers_own_are_not_changed(store, request_, tmp_path) -> None:
    none = {**request_.options, "labelled_target": str(tmp_path / "none")}
    assert "none is no labelled folder" in refusal(replace(request_, options=none), store)
    named = {**request_.options, "labelled_target": str(write_source(tmp_path / "labelled"))}
    assert check_request(replace(request_, options=named), store).labelled_target == named["labelled_target"]
    source = str(tmp_path / "source")
    roots = (*request_.target.bags, source)
    assert "allowed by bag_roots" in refusal(replace(request_, options=named, bag_roots=roots), store)
    own = replace(request_, labelled_target=named["labelled_target"], bag_roots=roots)
    assert check_request(own, store).labelled_target == named["labelled_target"]
    other = {**request_.options, "labelled_target": source}
    assert "a parameter of the server" in refusal(replace(own, options=other), store)


def test_a_store_of_another_modality_is_refused(store, request_) -> None:
    Run(store, request_)()
    depth = replace(request_, target=replace(request_.target, modality="depth"))
    assert "holds versions for thermal: give depth a store of its own" in refusal(depth, store)


def test_paths_outside_the_roots_are_refused_however_they_are_written(store, request_, tmp_path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "bag"
    allowed.mkdir()
    (allowed / "link").symlink_to(outside)
    shutil.copytree(outside, allowed / "bag")
    shutil.copytree(tmp_path / "source", allowed / "source")
    inside = replace(
        request_, target=TargetSelection((str(allowed / "bag"),), "thermal"), source=str(allowed / "source")
    )
    check_request(under(inside, [allowed]), store)
    for path in (outside, allowed / ".." / "bag", allowed / "link"):
        request = replace(inside, target=TargetSelection((str(path),), "thermal"))
        assert "is not under one of the folders allowed by bag_roots" in refusal(under(request, [allowed]), store)
    other_source = replace(inside, source=str(tmp_path / "source"))
    assert "bag_roots" in refusal(under(other_source, [allowed]), store)
    assert "none is configured" in refusal(under(inside, []), store)


def test_links_in_an_allowed_folder_must_not_leave_the_roots(store, request_, tmp_path) -> None:
    allowed = tmp_path / "allowed"
    shutil.copytree(tmp_path / "bag", allowed / "bag")
    shutil.copytree(tmp_path / "source", allowed / "source")
    target = TargetSelection((str(allowed / "bag"),), "thermal")
    inside = under(replace(request_, target=target, source=str(allowed / "source")), [allowed])
    check_request(inside, store)
    for name, original in (("source/images/0.png", tmp_path / "source/images/0.png"), ("bag/metadata.yaml", None)):
        file = allowed / name
        file.unlink()
        file.symlink_to(original or tmp_path / name)
        assert "is not under one of the folders allowed by bag_roots" in refusal(inside, store)
        file.unlink()
        shutil.copy(original or tmp_path / name, file)
        check_request(inside, store)
    (allowed / "circle").symlink_to(allowed / "circle")
    circle = replace(inside, target=TargetSelection((str(allowed / "circle"),), "thermal"))
    assert "circle" in refusal(circle, store)


def test_damaged_metadata_is_a_refusal_whatever_a_library_raises(store, request_) -> None:
    metadata = Path(request_.target.bags[0]) / "metadata.yaml"
    metadata.write_text(re.sub(r"message_count: \d+", "message_count: .inf", metadata.read_text()))
    assert refusal(request_, store)


def test_frames_of_a_topic_that_is_not_spread_evenly_are_counted(store, request_, tmp_path) -> None:
    bag = tmp_path / "late"
    with BagWriter(bag) as writer:
        for number, frame in enumerate(thermal_frames(41)):
            stamp_ns = 1_000_000_000 if number == 0 else 101_000_000_000 + number * 10_000_000
            writer.write(TOPIC, make_image_message(frame, "mono16", stamp_ns, "thermal"), stamp_ns)
    late = replace(request_, target=TargetSelection((str(bag),), "thermal", start_s=99.0))
    check_request(late, store)
    early = replace(request_, target=TargetSelection((str(bag),), "thermal", end_s=5.0))
    assert "the selection has 1 frame, 4 are needed" in refusal(early, store)


@pytest.mark.parametrize(
    "arguments", [{}, {"iterations": -1}, {"iterations": 3, "niceness": 20}, {"time_budget_s": math.inf}]
)
def test_a_request_without_sense_is_refused(arguments) -> None:
    with pytest.raises(ValueError, match=r"set a number of iterations|gpu_memory_share|the time budget has to be"):
        JobRequest(TargetSelection(("bag",), "thermal"), **arguments)


@pytest.mark.parametrize("span", [{"start_s": math.nan}, {"end_s": math.inf}])
def test_a_span_of_time_is_finite(span) -> None:
    with pytest.raises(ValueError, match="finite numbers of seconds"):
        TargetSelection(("bag",), "thermal", **span)


def test_the_model_folder_may_be_missing(store, request_, tmp_path) -> None:
    shutil.rmtree(tmp_path / "base")
    assert "is not a model folder" in refusal(request_, store)
    write_model(tmp_path / "base")
    check_request(request_, store)


def test_too_little_disk_or_memory_is_refused(store, request_, monkeypatch) -> None:
    monkeypatch.setattr(job_room.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1000))
    assert "has 0 MB free, the job needs about" in refusal(request_, store)
    monkeypatch.undo()
    monkeypatch.setattr(job_check, "available_memory", lambda: 10_000_000)
    assert re.search(r"needs about 0\.6 GB of memory .*, but 0\.0 GB of memory are free", refusal(request_, store))


def test_what_would_take_all_memory_or_years_is_refused_and_told(store, request_) -> None:
    huge = replace(request_, options={**request_.options, "view.batch_size": "10000000"})
    assert "are free: lower view.batch_size, crop_height or crop_width" in refusal(huge, store)
    assert "years, and max_days allows 7 days" in refusal(replace(request_, iterations=10**12), store)
    assert "train for about 10 days, and max_days" in refusal(
        replace(request_, time_budget_s=864_000.0, iterations=0), store
    )
    check_request(replace(request_, iterations=10**12, time_budget_s=60.0), store)


def test_a_student_is_nothing_that_adaptation_can_start_from(request_, tmp_path) -> None:
    config = ModelConfig("quick", SWIFTNET, STREET_11, "rgb", (32, 64), keep_aspect=True)
    save_model(tmp_path / "student", build_student(SWIFTNET, len(STREET_11)), config)
    store = VersionStore(tmp_path / "store", tmp_path / "student")
    assert "'quick' is a student (swiftnet), which cannot be adapted" in refusal(request_, store)
