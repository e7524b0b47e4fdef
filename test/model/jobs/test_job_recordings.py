# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Recordings made to do harm, and links out of the allowed folders: the job fails with the reason, and goes no further.

Here jobs read recordings as they do on a robot, in a process with limits.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from adaptation_samples import CONFIG, Run, write_bag

from madm_model.adaptation.data.limited_reading import read_recordings
from madm_model.adaptation.data.target_frames import TargetLimits
from madm_model.io.limited import Limits
from madm_model.jobs.check import check_request
from madm_model.jobs.events import JobCanceled
from madm_model.jobs.request import JobRequest, RequestError
from madm_model.store import BASE

WITH_LIMITS = True


def test_a_job_reads_its_recordings_in_another_process(store, request_) -> None:
    check_request(request_, store)
    run = Run(store, request_)
    assert run() == "activated"
    assert run.of("frames")[-1] == {"event": "frames", "read": 20, "kept": 20}
    few = replace(request_, target=replace(request_.target, stride=12))
    with pytest.raises(RequestError, match="the selection has 2 frames, 4 are needed"):
        check_request(few, store)
    run = Run(store, few)
    assert run() == "failed"
    assert "the selection has 2 frames, 4 are needed" in run.of("state")[-1]["message"]


def test_a_recording_that_takes_all_memory_fails_the_job(store, request_, monkeypatch) -> None:
    monkeypatch.setattr(Limits, "of_recordings", lambda paths: Limits(memory_bytes=10_000_000))
    run = Run(store, request_)
    assert run() == "failed"
    assert "\n" not in run.of("state")[-1]["message"]
    assert store.read().versions == (BASE,)


def test_a_job_is_canceled_while_a_recording_gives_nothing(request_, tmp_path, store) -> None:
    def cancel() -> None:
        raise JobCanceled

    def never(*_: object) -> None:
        raise AssertionError("the recording was read")

    with pytest.raises(JobCanceled):
        read_recordings(
            *(request_.target, {}, CONFIG, TargetLimits(), tmp_path / "frames"),
            on_frame=never,
            check_room=never,
            on_wait=cancel,
        )


@pytest.fixture
def allowed(tmp_path: Path, request_: JobRequest) -> JobRequest:
    """A request for a recording and a source in an allowed folder, beside one that is not."""
    root = tmp_path / "allowed"
    shutil.copytree(tmp_path / "bag", root / "bag")
    shutil.copytree(tmp_path / "source", root / "source")
    target = replace(request_.target, bags=(str(root / "bag"),))
    return replace(request_, target=target, source=f"{root / 'source'}=1", bag_roots=(str(root),))


@pytest.mark.parametrize("what", ["the bag", "a file of the bag", "an image of the source"])
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_what_became_a_link_after_the_check_is_not_read(store, allowed, tmp_path, what, link) -> None:
    outside = write_bag(tmp_path / "other" / "bag")
    replaced, by = {
        "the bag": ("bag", outside),
        "a file of the bag": ("bag/bag.mcap", outside / "bag.mcap"),
        "an image of the source": ("source/images/0.png", tmp_path / "source/images/1.png"),
    }[what]
    if link is os.link and by.is_dir():
        pytest.skip("folders have no hard links")
    file = Path(allowed.bag_roots[0]) / replaced

    def put_a_link(event: dict) -> None:
        if event["message"] == ("reading the recordings" if "bag" in what else "preparing the labelled source"):
            file.rename(tmp_path / "away")
            link(by, file)

    run = Run(store, allowed)
    run.on_state = put_a_link
    assert run() == "failed"
    message = run.of("state")[-1]["message"]
    expected = "has another name (a hard link)" if link is os.link else "is not under one of the folders allowed"
    assert str(file) in message and expected in message
    # Resumed as it stands, it is not read either.
    assert Run(store, job_id=run.folder.job_id)() == "failed"


def test_hard_links_are_refused_before_the_job_starts(store, allowed, tmp_path) -> None:
    check_request(allowed, store)
    file = Path(allowed.bag_roots[0]) / "bag" / "bag.mcap"
    os.link(file, tmp_path / "second.mcap")
    with pytest.raises(RequestError, match=r"bag/bag\.mcap has another name \(a hard link\).* put a copy in its place"):
        check_request(allowed, store)
    check_request(replace(allowed, bag_roots=None), store)  # of the command line, which reads what its user may
