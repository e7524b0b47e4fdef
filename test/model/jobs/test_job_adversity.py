# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Jobs on recordings that break off and on a disk that is really full: one clear error, and nothing is lost."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from adaptation_samples import TOPIC, Run, make_request, thermal_frames, write_bag, write_model
from rosbags import rosbag2
from rosbags.typesys import Stores, get_typestore

from madm_model.io.bags import make_image_message
from madm_model.jobs import report
from madm_model.jobs.request import JobRequest
from madm_model.store import BASE, VersionInfo, VersionStore
from madm_model.store.version import fault

STAGES = ["reading the recordings", "training on", "comparing the new version", "writing the report"]
CHECKPOINT_FITS_NOT = 100_000
"""Bytes that are left: enough for a job's state, too few for a checkpoint or a version."""


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_bag(tmp_path / "bag")


def store_with_a_version(root: Path, request: JobRequest) -> VersionStore:
    """A store in which v0001 is active."""
    store = VersionStore(root, Path(request.base))
    store.activate(
        store.add(lambda folder: write_model(folder, seed=1), lambda name: VersionInfo(name, BASE, "", "thermal"))
    )
    return store


@pytest.mark.parametrize("left", [0, CHECKPOINT_FITS_NOT])
@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_that_gets_full_fails_the_job_and_loses_nothing(
    small_disk, tmp_path, bag, monkeypatch, stage, left
) -> None:
    store = store_with_a_version(small_disk.path / "store", make_request(tmp_path, bag))
    run = Run(store, make_request(tmp_path, bag))
    run.on_state = lambda event: stage in event["message"] and small_disk.fill(left)
    write_report = report.write_report

    def write_report_on_a_full_disk(*arguments):
        if stage == "writing the report":
            small_disk.fill(left)
        return write_report(*arguments)

    monkeypatch.setattr(report, "write_report", write_report_on_a_full_disk)
    assert run() == "failed"
    message = run.of("state")[-1]["message"]
    if stage == STAGES[0]:  # seen before anything is read
        assert re.fullmatch(rf"{small_disk.path}\S* has 0 MB free, the job needs about \d+ MB", message)
    else:
        assert message == f"no space left in {store.root}: free some, then resume the job"
    snapshot = VersionStore(store.root, store.base).read()
    assert (snapshot.note, snapshot.active) == ("", "v0001")
    assert all(fault(store.folder(name), with_checksums=True) == "" for name in snapshot.versions[1:])

    monkeypatch.undo()
    small_disk.free()
    assert Run(store, job_id=run.folder.job_id)() == "activated"
    assert store.read().versions == (BASE, "v0001", "v0002")
    assert store.info("v0002").job_id == run.folder.job_id


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _with_a_hole(content: bytes) -> bytes:
    return content[: len(content) // 2] + bytes(5000) + content[len(content) // 2 + 5000 :]


@pytest.mark.parametrize("damage", [_cut, _with_a_hole])
def test_a_recording_that_breaks_off_is_used_up_to_there_and_the_report_says_so(tmp_path, damage) -> None:
    bag = write_bag(tmp_path / "bag", 800)
    (file,) = bag.glob("*.mcap")
    file.write_bytes(damage(file.read_bytes()))
    request = make_request(tmp_path, bag)
    run = Run(VersionStore(tmp_path / "store", Path(request.base)), request)
    assert run() == "activated"
    assert 4 <= run.of("frames")[-1]["read"] < 790
    assert f"{bag} was read up to where it breaks" in Path(run.folder.state().report).read_text()


def test_a_sqlite3_recording_that_breaks_off_is_one_error(tmp_path, bag) -> None:
    types, image = get_typestore(Stores.ROS2_JAZZY), "sensor_msgs/msg/Image"
    with rosbag2.Writer(tmp_path / "cut", version=8) as writer:
        connection = writer.add_connection(TOPIC, image, typestore=types)
        for number, frame in enumerate(thermal_frames(24), 1):
            message = make_image_message(frame, "mono16", number, "thermal")
            writer.write(connection, number, types.serialize_cdr(message, image))
    file = tmp_path / "cut" / "cut.db3"
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 6 // 10])
    request = make_request(tmp_path, tmp_path / "cut")
    store = store_with_a_version(tmp_path / "store", request)
    run = Run(store, request)
    assert run() == "failed"
    message = run.of("state")[-1]["message"]
    assert f"{tmp_path / 'cut'} cannot be opened" in message
    assert "save what is left with sqlite3's '.recover', or record as mcap" in message
    assert store.read().active == "v0001"
    # The next job is not hindered by it.
    assert Run(store, make_request(tmp_path, bag))() == "activated"
