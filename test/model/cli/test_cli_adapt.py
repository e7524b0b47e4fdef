# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm adapt` from the command line's arguments to the store."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
from pathlib import Path

import pytest
import typer
from adaptation_samples import LENIENT, SMALL, write_bag, write_model, write_source, write_student
from event_bag_samples import TOPIC, write_event_bag
from typer.testing import CliRunner

from madm_model.checkpoint.model_names import embedded_model
from madm_model.cli.adapt import adapt
from madm_model.cli.app import app as madm
from madm_model.events.edge_config import EdgeConfig
from madm_model.jobs import check as job_check
from madm_model.jobs import job as job_module
from madm_model.jobs.job import AdaptationJob
from madm_model.jobs.lock import the_one_job
from madm_model.jobs.request import JobFolder, JobRequest, RequestError, job_ids
from madm_model.store import VersionStore

app = typer.Typer()
app.command()(adapt)


@pytest.fixture
def arguments(tmp_path) -> list[str]:
    write_model(tmp_path / "base")
    write_source(tmp_path / "source")
    settings = [f"--option={name}={value}" for name, value in {**SMALL, **LENIENT}.items()]
    folders = [f"--source={tmp_path / 'source'}=1", f"--model={tmp_path / 'base'}", f"--out={tmp_path / 'store'}"]
    return [str(write_bag(tmp_path / "bag")), *folders, "--iterations=2", "--device=cpu", "--threads=1", *settings]


def run(arguments: list[str]) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, " ".join(result.output.split())


def test_a_recording_becomes_the_active_version(tmp_path, arguments) -> None:
    code, output = run(arguments)
    assert code == 0, output
    assert "activated: v0001 passed the gate and is active in place of base" in output
    assert "report/index.html" in output
    assert VersionStore(tmp_path / "store", tmp_path / "base").read().active == "v0001"


def test_several_sources_are_checked_each(tmp_path, arguments) -> None:
    given = [text for text in arguments if not text.startswith("--source")]
    code, output = run(
        [*given, f"--source={tmp_path / 'source'}=0.5", f"--source={tmp_path / 'nowhere'}", "--source=sim"]
    )
    assert code == 1
    assert "nowhere is no labelled folder" in output
    code, output = run([*given, f"--source={tmp_path / 'source'}=0.5", "--source=sim=0.9"])
    assert code == 1
    assert "shares of sources sum to more than 1" in output
    assert not (tmp_path / "store" / "jobs").exists()


def test_a_student_learns_from_the_adapted_model_and_segments(tmp_path, arguments) -> None:
    few = ["--option=distillation.iterations=1", "--option=distillation.view.batch_size=2"]
    code, output = run([*arguments, *few, f"--student={write_student(tmp_path / 'student')}"])
    assert code == 0, output
    assert "a small learns from the adapted model for 1 iterations" in output
    given = ["segment", arguments[0], "--store", str(tmp_path / "store"), "--model", str(tmp_path / "base")]
    result = CliRunner().invoke(madm, [*given, "--device=cpu", "--out", str(tmp_path / "labels")])
    assert result.exit_code == 0, result.output
    assert "by miniature-small@" in " ".join(result.output.split())
    assert len(list((tmp_path / "labels" / "labels").iterdir())) == 24


def test_a_class_to_protect_is_one_of_the_models(tmp_path, arguments) -> None:
    code, output = run([*arguments, "--protect=persn"])
    assert code == 1
    assert "protect names 'persn', but the model's classes are sky, building" in output
    assert not (tmp_path / "store" / "jobs").exists()


def test_a_version_is_only_kept_where_that_is_asked(tmp_path, arguments) -> None:
    code, output = run([*arguments, "--keep-only"])
    assert code == 0, output
    assert "v0001 passed the gate; as it was asked, it is only kept and base stays" in output
    assert f"use it all the same: madm activate {tmp_path / 'store'} v0001" in output
    assert VersionStore(tmp_path / "store", tmp_path / "base").read().active == "base"


def test_who_stops_a_job_is_told_so_before_it_has_stopped(arguments, monkeypatch) -> None:
    def run_job(_: AdaptationJob) -> str:
        signal.raise_signal(signal.SIGINT)
        return "canceled"

    monkeypatch.setattr(AdaptationJob, "run", run_job)
    code, output = run(arguments)
    assert code == 1
    assert "stopping when this step is done; Ctrl-C again ends it at once" in output
    assert re.search(r"go on with it: madm adapt --out \S+ --resume \S+$", output)


def test_who_lost_a_job_to_a_full_disk_is_told_how_it_goes_on(arguments, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(job_module, "prepare_frames", full)
    code, output = run(arguments)
    assert code == 1
    assert "free some, then resume the job" in output
    assert re.search(r"once that is mended, go on with it: madm adapt --out \S+ --resume \S+$", output)


def test_a_job_tells_what_it_takes_and_limits_its_memory_to_twice_that(arguments, monkeypatch) -> None:
    limits = []

    def run_job(_: AdaptationJob) -> str:
        limits.append(resource.getrlimit(resource.RLIMIT_DATA)[0])
        return "activated"

    monkeypatch.setattr(AdaptationJob, "run", run_job)
    before = resource.getrlimit(resource.RLIMIT_DATA)
    code, output = run(arguments)
    assert code == 0, output
    told = re.search(r"the job takes about ([\d.]+) GB of memory and \d+ s of training", output)
    assert told, output
    assert limits[0] != resource.RLIM_INFINITY
    assert limits[0] > 2e9 * (float(told[1]) - 0.05)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_a_job_of_too_many_days_is_refused_and_leaves_nothing(tmp_path, arguments) -> None:
    code, output = run([*arguments, "--iterations=1000000000000", "--max-days=2"])
    assert code == 1
    assert "max_days allows 2 days: lower the number of iterations, or set a time budget" in output
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("modality", ["thermal", "depth", "rgb"])
def test_without_a_model_it_starts_from_the_embedded_one(arguments, monkeypatch, modality) -> None:
    requests = []

    def refuse(request: JobRequest, _: VersionStore) -> None:
        requests.append(request)
        raise RequestError("seen")

    monkeypatch.setattr(job_check, "check_request", refuse)
    without = [argument for argument in arguments if not argument.startswith("--model")]
    code, output = run([*without, f"--modality={modality}"])
    assert (code, "seen" in output) == (1, True)
    assert Path(requests[0].base).name == embedded_model(modality)


def test_an_event_recording_is_adapted_to_with_the_named_edge_frames(tmp_path, arguments) -> None:
    bag = write_event_bag(tmp_path / "events", 1.0)
    event = ["--modality=event", f"--topic={TOPIC}", "--edge-mode=time_surface", "--period=0.05"]
    code, output = run([str(bag), *arguments[1:], *event])
    assert code == 0, output
    store = VersionStore(tmp_path / "store", tmp_path / "base")
    info = store.info(store.read().active)
    assert (info.modality, info.training["target_frames"]) == ("event", 19)
    target = JobFolder(store.root, info.job_id).request().target
    assert target.edge_config() == EdgeConfig(mode="time_surface", period_s=0.05)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ([], "set a number of iterations, a time budget, or both"),
        (["--iterations=2", "--option=speed"], "option 'speed' has no value: write NAME=VALUE"),
        (["--iterations=2", "--topic=/rgb"], "has no topic /rgb"),
        (["--iterations=2", "--resume=20260101-000000"], "give at least one BAG, or --resume"),
    ],
)
def test_bad_arguments_end_with_one_clear_line(tmp_path, arguments, change, message) -> None:
    code, output = run([argument for argument in arguments if not argument.startswith("--iterations")] + change)
    assert code == 1
    assert message in output
    assert not (tmp_path / "store").exists()


def test_a_second_job_is_refused_and_leaves_nothing(tmp_path, arguments) -> None:
    first = JobFolder.reserve(tmp_path / "store")
    with the_one_job(tmp_path / "store", first.job_id):
        code, output = run(arguments)
    assert code == 1
    assert f"job {first.job_id} is running" in output
    assert [path for path in (tmp_path / "store" / "jobs").iterdir() if path.is_dir()] == [first.path]


def test_the_report_is_named_by_its_whole_path(tmp_path, arguments, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, output = run([*arguments, "--out=here"])
    assert code == 0, output
    (job_id,) = job_ids(tmp_path / "here")
    assert JobFolder(tmp_path / "here", job_id).state().report.startswith(str(tmp_path / "here" / "jobs"))


def test_frames_are_prepared_by_the_parameters_of_the_robot(tmp_path, arguments) -> None:
    params = tmp_path / "robot.yaml"
    params.write_text("/**: {ros__parameters: {modality: thermal, thermal: {invert: true, clahe_tiles: 4}, keep: 3}}")
    code, output = run([*arguments, f"--params={params}"])
    assert code == 0, output
    (job_id,) = job_ids(tmp_path / "store")
    assert JobFolder(tmp_path / "store", job_id).request().preprocessing == {"invert": True, "clahe_tiles": 4}
    assert f"madm segment INPUT --modality thermal --store {tmp_path / 'store'} --model" in output
    code, output = run([f"--out={tmp_path / 'store'}", f"--resume={job_id}", "--edge-mode=decay", "--option=seed=1"])
    assert (code, "leave out --edge-mode, --option" in output) == (1, True)


def test_resuming_an_unknown_job_is_refused(tmp_path) -> None:
    code, output = run([f"--out={tmp_path}", "--resume=20260101-000000"])
    assert code == 1
    assert "there is no job '20260101-000000'" in output
