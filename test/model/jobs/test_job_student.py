# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A job whose version is a student: it learns from the adapted model, is judged in its place, and goes with it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from adaptation_samples import SMALL_STUDENT, Run, make_request, write_bag, write_student
from safetensors.torch import load_file

from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.jobs.candidate import choose_job_student
from madm_model.jobs.check import check_cost, check_request, check_settings
from madm_model.jobs.request import RequestError
from madm_model.labels import STREET_9
from madm_model.model_config import ModelConfig
from madm_model.segmenter import Segmenter
from madm_model.store import BASE, VersionStore
from madm_model.store.version import training_start
from madm_model.students.architecture import STUDENTS

STUDENT = {"student": "small", "distillation.view.batch_size": "2", "distillation.iterations": "2"}


@pytest.fixture(autouse=True)
def _small(monkeypatch) -> None:
    monkeypatch.setitem(STUDENTS, "small", SMALL_STUDENT)


@pytest.fixture
def wanted(request_):
    """A request with a student."""
    return replace(request_, options={**request_.options, **STUDENT})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A job that made a student, its store, and its request."""
    folder = tmp_path_factory.mktemp("finished")
    request = make_request(folder, write_bag(folder / "bag"))
    request = replace(request, options={**request.options, **STUDENT})
    store = VersionStore(folder / "store", folder / "base")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STUDENTS, "small", SMALL_STUDENT)
        run = Run(store, request)
        assert run() == "activated", run.of("state")[-1]["message"]
    return run, store, request


def test_the_version_is_a_student_with_its_teacher(finished) -> None:
    run, store, _ = finished
    folder = store.read().folder
    config = ModelConfig.load(folder)
    assert (config.architecture, config.modality, config.input_size) == (SMALL_STUDENT, "thermal", (32, 64))
    assert config.name == f"miniature-small@{run.folder.job_id}"
    Segmenter.from_folder(folder, device="cpu")
    teacher = store.training_folder("v0001")
    assert teacher == folder / "teacher"
    assert ModelConfig.load(teacher).name == f"miniature@{run.folder.job_id}"
    assert difference(teacher, store.base) > 0
    student = store.info("v0001").training["student"]
    assert (student["network"], student["iterations"]) == ("small", 2)
    assert {check["name"] for check in store.info("v0001").gate["checks"]} >= {"agreement", "source mIoU"}


def test_it_tells_how_the_student_learns_and_leaves_nothing_behind(finished) -> None:
    run, _, _ = finished
    states = [event["state"] for event in run.of("state")]
    expected = ["preparing", "training", "evaluating", "training", "evaluating", "activated"]
    assert [state for number, state in enumerate(states) if states[number - 1] != state] == expected
    assert [event["iteration"] for event in run.of("progress")] == [1, 2, 3, 1, 2]
    assert run.of("progress")[-1]["iterations"] == 2
    assert run.of("labels")[-1] == {"event": "labels", "done": 20, "total": 20}
    page = Path(run.folder.state().report)
    assert "small, which learned from the adapted model for 2 iterations" in page.read_text()
    assert 'src="student_losses.png"' in page.read_text() and (page.parent / "student_losses.png").is_file()
    left = {path.name for path in run.folder.path.iterdir()}
    assert left == {"job.json", "state.json", "training.csv", "student.csv", "report", "source"}


def test_the_next_job_starts_from_the_teacher_and_the_students_weights(finished, tmp_path) -> None:
    _, first, request = finished
    shutil.copytree(first.root, tmp_path / "store")
    store = VersionStore(tmp_path / "store", first.base)
    still = {"training.optimizer.learning_rate": "1e-12", "distillation.learning_rate": "1e-12"}
    assert Run(store, replace(request, options={**request.options, **still}))() == "activated"
    assert store.info("v0002").parent == "v0001"
    teachers = [store.training_folder(name) for name in (BASE, "v0001", "v0002")]
    assert difference(teachers[2], teachers[1]) < 0.2 * difference(teachers[2], teachers[0])
    assert difference(store.folder("v0002"), store.folder("v0001")) < 1e-4


def difference(one: Path, other: Path) -> float:
    """Mean difference of the kernels of two models."""
    weights = [load_file(folder / "model.safetensors") for folder in (one, other)]
    kernels = [name for name, value in weights[0].items() if value.ndim == 4]
    return float(np.mean([(weights[0][name].float() - weights[1][name].float()).abs().mean() for name in kernels]))


def test_a_job_that_is_canceled_beside_its_student_goes_on_to_the_same_version(finished, tmp_path) -> None:
    _, unbroken, request = finished
    store = VersionStore(tmp_path / "store", unbroken.base)
    run = Run(store, request)
    run.stop_after = 4  # one of the student's
    assert run() == "canceled"
    assert store.read().versions == (BASE,)
    resumed = Run(store, job_id=run.folder.job_id)
    assert resumed() == "activated"
    assert [event["iteration"] for event in resumed.of("progress")] == [2]
    for name in ("model.safetensors", "teacher/model.safetensors"):
        weights = [load_file(one.read().folder / name) for one in (store, unbroken)]
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_a_time_budget_is_shared(store, wanted) -> None:
    options = {**wanted.options, "distillation.iterations": "0", "distillation.time_share": "0.5"}
    run = Run(store, replace(wanted, iterations=0, time_budget_s=0.2, options=options))
    assert run() == "activated", run.of("state")[-1]["message"]
    state, training = run.folder.state(), store.info("v0001").training
    assert state.student_iterations >= training["student"]["iterations"] >= 1


def test_what_the_servers_parameter_names_is_overruled_by_the_request(store, request_) -> None:
    named = replace(request_, student="small")
    assert check_settings(named, store).has_student
    assert not check_settings(replace(named, options={**request_.options, "student": "none"}), store).has_student


def test_where_a_student_runs_a_job_makes_the_next_one_of_its_sizes(finished, request_) -> None:
    _, store, _ = finished
    assert check_settings(request_, store).student == str(store.folder("v0001"))
    assert not check_settings(replace(request_, student="none"), store).has_student


def test_a_students_folder_that_is_named_is_gone_on_from_though_one_of_its_sizes_runs(finished, tmp_path) -> None:
    run, store, request = finished
    own = write_student(tmp_path / "own")
    config = ModelConfig.load(store.training_folder("v0001"))
    found = {}
    for student in ("small", str(own)):
        job = SimpleNamespace(store=store, folder=run.folder, request=request)
        settings = check_settings(replace(request, options={**request.options, "student": student}), store)
        found[student] = choose_job_student(job, settings, config, "v0001")[0].folder
    assert found == {"small": store.folder("v0001"), str(own): own}


def test_a_student_costs_time_and_memory(store, wanted, request_) -> None:
    def cost(request):
        return check_cost(request, store, check_settings(request, store))

    big = {"student": "segformer-b2", "distillation.iterations": "100"}
    costs = [cost(one) for one in (request_, wanted, replace(wanted, options={**wanted.options, **big}))]
    assert costs[0].seconds < costs[1].seconds < costs[2].seconds
    assert costs[0].memory <= costs[1].memory < costs[2].memory


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"student": "alexnet"}, "there is no student 'alexnet'"),
        ({"student": "tiny-rgb"}, "model 'tiny-rgb' is a tiny, no student"),
        ({"distillation.view.batch_size": "1"}, "a student's norms need at least 2"),
        ({"distillation.view.crop_height": "40"}, "crop_height and crop_width must be multiples of 32"),
        ({"distillation.height": "40"}, "must be positive multiples of 32"),
        ({"distillation.temprature": "2"}, "unknown option 'distillation.temprature': it may mean distillation"),
    ],
)
def test_a_student_that_cannot_be_made_is_refused_before_the_job(store, wanted, options, complaint) -> None:
    with pytest.raises(RequestError, match=complaint):
        check_request(replace(wanted, options={**wanted.options, **options}), store)


def test_a_students_folder_has_to_lie_where_recordings_may(store, wanted, tmp_path) -> None:
    write_student(tmp_path / "elsewhere" / "mine")
    inside = tmp_path / "inside"
    target = TargetSelection((str(write_bag(inside / "bag")),), "thermal")
    options = {**wanted.options, "student": str(tmp_path / "elsewhere" / "mine")}
    request = replace(wanted, target=target, source="", options=options, bag_roots=(str(inside),))
    with pytest.raises(RequestError, match="elsewhere/mine is not under one of the folders allowed by bag_roots"):
        check_settings(request, store)
    check_settings(replace(request, options=STUDENT), store)
    with pytest.raises(RequestError, match="there is no student 'alexnet': use one of"):
        check_settings(replace(request, options={**options, "student": "alexnet"}), store)
    own = {name: value for name, value in options.items() if name != "student"}  # as the server's parameter
    check_settings(replace(request, options=own, student=options["student"]), store)


def test_a_student_of_other_classes_is_refused(store, wanted, tmp_path) -> None:
    write_student(tmp_path / "nine", name="nine", label_set=STREET_9)
    with pytest.raises(RequestError, match="student 'nine' has other classes than 'miniature'"):
        check_settings(replace(wanted, options={**wanted.options, "student": str(tmp_path / "nine")}), store)


def test_an_embedded_student_is_adapted_by_the_embedded_model_beside_it() -> None:
    from madm_model.checkpoint.model_names import resolve_model

    assert training_start(resolve_model("student-thermal")) == resolve_model("tiny-thermal")
    assert training_start(resolve_model("tiny-thermal")) == resolve_model("tiny-thermal")
