# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A whole job on a network of a moment: to a version, to a refusal, canceled, resumed, killed."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from adaptation_samples import Run, thermal_frames, write_model, write_source
from kill_samples import kill_jobs
from safetensors.torch import load_file, save_file

from madm_model.adaptation.data import source_frames
from madm_model.adaptation.self_training import SelfTraining
from madm_model.checkpoint.model_folder import load_model
from madm_model.jobs import gate_run, new_version, report
from madm_model.jobs.earlier_states import EarlierStates
from madm_model.jobs.gate import Check, GateResult
from madm_model.jobs.report import certain_shares, read_log
from madm_model.jobs.request import JobFolder, RequestError, prune_jobs
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.shift.reference import ShiftReference
from madm_model.store import BASE, StoreError, VersionInfo, VersionStore
from madm_model.training.config import FramePoolConfig

EARLIER = {"earlier_states": "3"}
"""Options under which states on the way are kept; other jobs here do without."""
KILLS = 4
"""More of them beside a node: test/ros/test_killed_job.py."""


def test_a_job_ends_with_an_active_version_and_a_report(store, request_) -> None:
    run = Run(store, replace(request_, options={**request_.options, "known_frames": "16", **EARLIER}))
    assert run() == "activated"
    snapshot = store.read()
    assert snapshot.active == "v0001"
    info = store.info("v0001")
    assert (info.parent, info.job_id, info.modality) == (BASE, run.folder.job_id, "thermal")
    assert info.gate["passed"]
    assert {check["name"] for check in info.gate["checks"]} >= {"agreement", "confidence", "classes", "source mIoU"}
    assert info.training["iterations"] == 3
    assert ModelConfig.load(snapshot.folder).modality == "thermal"
    known = ShiftReference.load(snapshot.folder)
    assert (known.num_classes, known.frames) == (len(STREET_11), 16)
    before, after = (load_model(store.folder(name))[0].state_dict() for name in (BASE, "v0001"))
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("unet."))

    states = [event["state"] for event in run.of("state")]
    assert list(dict.fromkeys(states)) == ["preparing", "training", "evaluating", "activated"]
    progress = run.of("progress")
    assert [event["iteration"] for event in progress] == [1, 2, 3]
    assert progress[0]["noise_step"] > 0
    assert progress[-1]["eta"] == 0
    assert {"source_segmentation", "target_segmentation"} <= progress[0]["losses"].keys()

    state = run.folder.state()
    page = Path(state.report)
    assert (state.state, state.new_version) == ("activated", "v0001")
    text = page.read_text()
    assert "source mIoU" in text
    assert "v0001 passed the gate" in text
    for name in ("losses", "pseudo_labels", "noise_step", "before_after", "pseudo_label_examples"):
        assert f'src="{name}.png"' in text
        assert cv2.imread(str(page.parent / f"{name}.png")) is not None


def test_logit_adjustment_and_certainty_per_class_are_told_with_the_version(store, request_) -> None:
    options = {"logit_adjustment": "0.25", "logit_prior": "pseudo_labels"}
    options |= {"certainty": "class", "masked_consistency": "on"}
    options |= {"target_norm_batches": "1", "source_norm_batches": "1"}
    run = Run(store, replace(request_, options={**request_.options, **options}))
    assert run() == "activated"
    bias = ModelConfig.load(store.folder("v0001")).class_bias
    assert max(bias) > 0 and min(bias) == 0
    assert list(store.info("v0001").training["class_bias"].values()) == pytest.approx(bias)
    assert run.of("progress")[0]["losses"]["masked_segmentation"] > 0
    text = Path(run.folder.state().report).read_text()
    assert "logit adjustment" in text and f"+{max(bias):.2f}" in text
    assert "counted as certain" in text
    log = read_log(run.folder.path / "training.csv")
    assert all(0 <= row["loss_share"] <= 1 for row in log)
    shares = certain_shares(log)
    assert shares and min(shares.values()) > 0  # of every class that the teacher saw


def test_the_gate_looks_at_what_is_stored(store, request_, monkeypatch) -> None:
    examined = []
    examine = gate_run.examine

    def spy(*arguments):
        evidence = examine(*arguments)
        examined.append(evidence.network.state_dict())
        return evidence

    monkeypatch.setattr(gate_run, "examine", spy)
    Run(store, request_)()
    stored = load_model(store.folder("v0001"))[0].state_dict()
    assert all(torch.equal(stored[name], value) for name, value in examined[0].items())


def test_the_gate_judges_in_the_number_format_that_will_run(store, request_, monkeypatch) -> None:
    """Scores of 80,000 are more than float16 holds, though every weight fits: nothing but infinities would be run."""
    finish = SelfTraining.finish

    def overflowing(trainer):
        network = finish(trainer)
        with torch.no_grad():
            network.head.bottleneck.norm.bias.fill_(300)
            network.head.classifier.weight.fill_(300)
        return network

    monkeypatch.setattr(SelfTraining, "finish", overflowing)
    options = {**request_.options, "gate.agreement_drop": "1", "gate.confidence_drop": "1", "gate.class_ratio": "0"}
    options |= {"gate.largest_class": "1", "gate.source_miou_drop": "1", "gate.temporal_drop": "1"}
    run = Run(store, replace(request_, options=options, precision="float16"))
    assert run() == "not_activated"
    assert "finite scores is 0.000, limit 1.000" in run.of("state")[-1]["message"]


@pytest.mark.usefixtures("bfloat16_is_computed")
@pytest.mark.parametrize("lora", ["on", "off"])
def test_frozen_weights_in_half_precision_are_as_before_in_the_end(store, request_, lora) -> None:
    options = {**request_.options, "half_frozen": "on", "precision": "bfloat16", "lora": lora}
    options["target_norm_batches"] = "1"
    run = Run(store, replace(request_, options=options))
    assert run() == "activated", run.of("state")[-1]["message"]
    before, after = (load_file(store.folder(name) / "model.safetensors") for name in (BASE, "v0001"))
    frozen = [name for name in before if name.startswith(("vae.", "unet.conv_out", "unet.conv_norm_out"))]
    assert frozen
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("unet.mid_block"))


def test_the_gate_shows_held_out_frames_to_a_student_without_a_teacher_and_leaves_no_trace(
    store, request_, monkeypatch
) -> None:
    trained = []
    ask_teacher = gate_run.ask_teacher

    def spy(trainer, *arguments):
        trained.append({name: value.clone() for name, value in trainer.network.head.named_buffers()})
        return ask_teacher(trainer, *arguments)

    monkeypatch.setattr(gate_run, "ask_teacher", spy)
    options = {**request_.options, "self_training": "off"}
    assert Run(store, replace(request_, options=options))() == "activated"
    stored = load_model(store.folder("v0001"))[0].head.state_dict()
    for name, value in trained[0].items():
        torch.testing.assert_close(stored[name], value.half().to(value.dtype))


def test_a_source_may_be_labelled_in_the_ids_of_cityscapes(store, request_, tmp_path) -> None:
    labels = np.tile(np.arange(16, dtype=np.uint8), (32, 3))
    for path in (tmp_path / "source" / "labels").iterdir():
        cv2.imwrite(str(path), labels)
    run = Run(store, request_)
    assert run() == "failed"
    assert "want the option source_labels=cityscapes" in run.of("state")[-1]["message"]
    options = {**request_.options, "source_labels": "cityscapes"}
    assert Run(store, replace(request_, options=options))() == "activated"


def test_beside_a_folder_half_of_the_source_is_simulated(store, request_, tmp_path, monkeypatch) -> None:
    for name in ("", "sim-sensor"):
        monkeypatch.setitem(source_frames.SIMULATED_STREETS, name, FramePoolConfig(5, 1, 2, 64, 48))
    run = Run(store, replace(request_, source=str(tmp_path / "source")))
    assert run() == "activated"
    told = f"50 % {tmp_path / 'source'}, 25 % replay set (simulated streets), 25 % simulated frames"
    assert store.info("v0001").training["source"].startswith(told)
    assert told in Path(run.folder.state().report).read_text()
    for folder in ("replay", "sim-sensor/thermal"):
        assert (store.root / "sources" / folder / "rendered.json").exists()


def add_active_version(store: VersionStore) -> None:
    """v0001, of a job that is long over."""
    store.activate(
        store.add(lambda folder: write_model(folder, seed=1), lambda name: VersionInfo(name, BASE, "", "thermal"))
    )


def test_the_next_job_starts_from_the_active_version(store, request_) -> None:
    add_active_version(store)
    still = replace(request_, options={**request_.options, "optimizer.learning_rate": "1e-12"})
    assert Run(store, still)() == "activated"
    assert store.info("v0002").parent == "v0001"
    weights = [load_file(store.folder(name) / "model.safetensors") for name in (BASE, "v0001", "v0002")]
    name = "unet.mid_block.resnets.0.conv1.weight"
    assert not torch.equal(weights[0][name], weights[1][name])
    torch.testing.assert_close(weights[2][name], weights[1][name])
    assert store.rollback().active == "v0001"


def test_a_version_that_does_not_pass_is_kept_but_not_activated(store, request_, monkeypatch) -> None:
    verdict = GateResult((Check("confidence", 0.9, 0.1, 0.75, False, "mean confidence"),))
    monkeypatch.setattr(gate_run, "decide", lambda *_: verdict)
    run = Run(store, request_)
    assert run() == "not_activated"
    snapshot = store.read()
    assert (snapshot.active, snapshot.versions) == (BASE, (BASE, "v0001"))
    assert run.of("state")[-1]["message"] == (
        "v0001 did not pass the gate, base stays: confidence is 0.100, limit 0.750"
    )
    assert "did not pass the gate" in Path(run.folder.state().report).read_text()


def test_where_the_last_state_is_refused_an_earlier_one_that_passes_is_the_version(
    store, request_, monkeypatch
) -> None:
    verdicts, kept = iter([False, False, True]), {}
    monkeypatch.setattr(
        gate_run, "decide", lambda *_: GateResult((Check("classes", 1.0, 0.5, 0.75, next(verdicts), "its classes"),))
    )
    keep = EarlierStates.keep

    def watched(states, done, trainer) -> None:
        kept[done] = {name: value.clone() for name, value in trainer.state_to_finish().items()}
        keep(states, done, trainer)

    monkeypatch.setattr(EarlierStates, "keep", watched)
    run = Run(store, replace(request_, iterations=4, options={**request_.options, **EARLIER}))
    assert run() == "activated"
    training = store.info("v0001").training
    assert training["iterations"] == 2
    assert training["state"] == "after 2 of 4 iterations: later ones did not pass the gate"
    assert training["state"] in Path(run.folder.state().report).read_text()
    weights = load_model(store.folder("v0001"), dtype=None)[0].state_dict()
    assert all(torch.equal(weights[name], value.to(weights[name].dtype)) for name, value in kept[2].items())
    assert any(not torch.equal(weights[name], value.to(weights[name].dtype)) for name, value in kept[4].items())
    assert not (run.folder.path / "earlier").exists()


def test_without_earlier_states_the_last_one_is_refused(store, request_, monkeypatch) -> None:
    verdicts = iter([False, True])
    monkeypatch.setattr(
        gate_run, "decide", lambda *_: GateResult((Check("classes", 1.0, 0.5, 0.75, next(verdicts), "its classes"),))
    )
    run = Run(store, request_)
    assert run() == "not_activated"
    assert "state" not in store.info("v0001").training


@pytest.fixture
def losing_road(request_, monkeypatch) -> None:
    """The base sees nothing but road, and what is trained sees none."""
    finish = SelfTraining.finish

    def without_road(trainer):
        network = finish(trainer)
        network.head.classifier.bias.data[STREET_11.names.index("road")] -= 1000
        return network

    common = load_model(request_.base)[0].state_dict()
    common["head.classifier.bias"][STREET_11.names.index("road")] += 1000
    save_file(common, Path(request_.base) / "model.safetensors")
    monkeypatch.setattr(SelfTraining, "finish", without_road)


def test_a_version_that_lost_a_protected_class_is_refused_by_name(store, request_, losing_road) -> None:
    options = {**request_.options, "protect": '["road", "person"]', "fewest_regions": "1"}
    run = Run(store, replace(request_, options=options))
    assert run() == "not_activated"
    message = run.of("state")[-1]["message"]
    assert "road: pixels 0, was 1, limit 0.7; road: regions 0, was 2" in message
    assert "person" not in message
    page = Path(run.folder.state().report).read_text()
    assert "<td>road</td><td>sure pixels kept</td>" in page
    assert "person is not checked by itself" in page


def test_a_version_is_refused_by_labelled_frames_of_the_target(store, request_, losing_road, tmp_path) -> None:
    labelled = tmp_path / "labelled"
    road = np.full((32, 48), STREET_11.names.index("road"), np.uint8)
    for number, frame in enumerate(thermal_frames(2)):
        for name, image in (("images", frame), ("labels", road)):
            (labelled / name).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(labelled / name / f"{number}.png"), image)
    # Nothing else would refuse it.
    options = {**request_.options, "protect": '["road"]', "labelled_target": str(labelled)}
    run = Run(store, replace(request_, options=options))
    assert run() == "not_activated"
    assert run.of("state")[-1]["message"].endswith("base stays: labelled mIoU is 0.000, limit 1.000")
    options["fewest_regions"] = "2"
    run = Run(store, replace(request_, options=options))
    assert run() == "not_activated"
    assert "base stays: road: labelled IoU 0, was 1, limit 1; labelled mIoU" in run.of("state")[-1]["message"]


def test_labelled_frames_are_trained_on_and_the_report_says_how_many(store, request_, tmp_path) -> None:
    labelled = write_source(tmp_path / "labelled")  # six images of three channels, of which thermal takes the mean
    own = {"labelled_target": str(labelled), "labelled_share": "0.5", "batch_size": "2"}
    run = Run(store, replace(request_, options={**request_.options, **own}))
    run.stop_after = 2
    assert run() == "canceled"
    assert run.of("state")[-2]["message"] == "training on 20 frames and 3 labelled ones for 3 iterations"
    assert all(event["losses"]["labelled_segmentation"] > 0 for event in run.of("progress"))
    (labelled / "images" / "0.png").rename(tmp_path / "away.png")
    resumed = Run(store, job_id=run.folder.job_id)
    assert resumed() == "failed"  # what was trained on would be the gate's now
    assert "put those back, or start a new job" in resumed.of("state")[-1]["message"]
    (tmp_path / "away.png").rename(labelled / "images" / "0.png")
    resumed = Run(store, job_id=run.folder.job_id)
    resumed()
    version = store.info("v0001")
    assert version.training["labelled_target"] == "6, 3 of them trained on, 3 for the gate"
    assert "labelled mIoU" in {check["name"] for check in version.gate["checks"]}
    assert "6, 3 of them trained on, 3 for the gate" in Path(resumed.folder.state().report).read_text()
    assert all(row["labelled_segmentation"] > 0 for row in read_log(run.folder.path / "training.csv"))


@pytest.mark.parametrize(
    ("minimum", "reason"),
    [
        ({"activation_iterations": "4"}, "3 iterations are fewer than 4"),
        ({"activation_frames": "25"}, "24 different target frames are fewer than 25"),
    ],
)
def test_what_was_trained_on_too_little_is_not_activated_by_itself(store, request_, minimum, reason) -> None:
    run = Run(store, replace(request_, options={**request_.options, **minimum}))
    assert run() == "not_activated"
    assert f"v0001 passed the gate; {reason}, so it is only kept and base stays" in run.of("state")[-1]["message"]
    assert store.read().active == "base"
    assert store.activate(store.newest()).active == "v0001"


def test_a_canceled_and_resumed_job_gives_the_same_version_as_an_unbroken_one(store, request_, tmp_path) -> None:
    request_ = replace(request_, options={**request_.options, **EARLIER})
    run = Run(store, request_)
    run.stop_after = 1
    assert run() == "canceled"
    assert store.read().versions == (BASE,)
    resumed = Run(store, job_id=run.folder.job_id)
    assert resumed() == "activated"
    assert [event["iteration"] for event in resumed.of("progress")] == [2, 3]

    unbroken = VersionStore(tmp_path / "unbroken", store.base)
    Run(unbroken, request_)()
    weights = [load_file(folder / "model.safetensors") for folder in (store.read().folder, unbroken.read().folder)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_a_time_budget_alone_decides_the_iterations_once(store, request_) -> None:
    run = Run(store, replace(request_, iterations=0, time_budget_s=1.0))
    run.stop_after = 1
    assert run() == "canceled"
    decided = run.folder.state().iterations
    assert decided >= 1
    resumed = Run(store, job_id=run.folder.job_id)
    assert resumed() == "activated"
    assert run.folder.state().iterations == decided


def test_a_time_budget_ends_a_longer_training(store, request_) -> None:
    run = Run(store, replace(request_, iterations=10_000, time_budget_s=0.5))
    assert run() == "activated"
    assert 1 <= len(run.of("progress")) < 10_000
    assert store.info("v0001").training["iterations"] == len(run.of("progress"))


def test_only_training_that_a_checkpoint_keeps_counts_against_the_time_budget(store, request_) -> None:
    run = Run(store, replace(request_, iterations=10_000, time_budget_s=3600.0))
    run.stop_after = 2
    assert run() == "canceled"
    state = run.folder.state()
    run.folder.update(progress={**state.progress, "elapsed": 3600.0})  # of a run whose checkpoint did not fit the disk
    resumed = Run(store, job_id=run.folder.job_id)
    resumed.stop_after = 2
    assert resumed() == "canceled"
    assert [event["iteration"] for event in resumed.of("progress")] == [3, 4]
    assert state.progress["elapsed"] < resumed.of("progress")[0]["elapsed"] < 60


def test_a_full_disk_fails_the_job_and_it_can_be_resumed(store, request_, monkeypatch) -> None:
    run = Run(store, request_)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(new_version, "save_model", full)
    assert run() == "failed"
    assert "no space left" in run.of("state")[-1]["message"]
    assert store.read().versions == (BASE,)
    monkeypatch.undo()
    assert Run(store, job_id=run.folder.job_id)() == "activated"


def test_a_full_disk_while_checkpointing_fails_the_job(store, request_, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(torch, "save", full)
    run = Run(store, request_)
    assert run() == "failed"
    assert "no space left" in run.of("state")[-1]["message"]
    assert store.read().active == BASE


def test_a_damaged_checkpoint_is_left_out(store, request_) -> None:
    run = Run(store, request_)
    run.stop_after = 1
    run()
    checkpoint = run.folder.path / "training.pt"
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    resumed = Run(store, job_id=run.folder.job_id)
    assert resumed() == "activated"
    assert [event["iteration"] for event in resumed.of("progress")] == [1, 2, 3]


def test_a_diverging_training_says_so(store, request_) -> None:
    run = Run(store, replace(request_, iterations=20, options={**request_.options, "learning_rate": "1e30"}))
    assert run() == "failed"
    assert store.read().versions == (BASE,)


def test_memory_that_runs_out_is_told_with_advice(store, request_, monkeypatch) -> None:
    def step(*_: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(SelfTraining, "step", step)
    run = Run(store, request_)
    assert run() == "failed"
    assert "memory ran out: lower view.batch_size" in run.of("state")[-1]["message"]


def test_an_unknown_job_is_named(store, request_) -> None:
    run = Run(store, request_)
    with pytest.raises(RequestError, match=f"there is no job 'x': this store has {run.folder.job_id}"):
        Run(store, job_id="x")()


def test_old_jobs_go_with_their_versions(store, tmp_path) -> None:
    def save(folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"weights")

    for name in "abcd":
        (store.root / "jobs" / name).mkdir(parents=True)
        (store.root / "jobs" / name / "job.json").write_text("{}")
    (store.root / "jobs" / "e").mkdir()  # whose request could not be written
    store.add(save, lambda version: VersionInfo(version, BASE, "b", "thermal"))
    prune_jobs(store, keep=1)
    assert sorted(path.name for path in (store.root / "jobs").iterdir()) == ["b", "d"]


@pytest.mark.parametrize("passed", [True, False])
def test_a_job_that_has_ended_is_not_run_again(store, request_, monkeypatch, passed) -> None:
    verdict = GateResult((Check("confidence", 0.9, 0.1, 0.75, passed, "mean confidence"),))
    monkeypatch.setattr(gate_run, "decide", lambda *_: verdict)
    run = Run(store, request_)
    ended = run()
    monkeypatch.undo()
    again = Run(store, job_id=run.folder.job_id)
    assert again() == "failed"
    assert f"has ended ({ended}): start a new one" in again.of("state")[-1]["message"]
    assert run.folder.state().state == ended
    assert store.read().active == ("v0001" if passed else BASE)


def test_a_verdict_stands_when_the_job_is_resumed_after_it(store, request_, monkeypatch) -> None:
    verdict = GateResult((Check("confidence", 0.9, 0.1, 0.75, False, "mean confidence"),))
    monkeypatch.setattr(gate_run, "decide", lambda *_: verdict)
    monkeypatch.setattr(report, "write_report", lambda *_: 1 / 0)
    run = Run(store, request_)
    assert run() == "failed"
    assert store.read().versions == (BASE, "v0001")
    monkeypatch.undo()
    assert Run(store, job_id=run.folder.job_id)() == "not_activated"
    assert store.read().versions == (BASE, "v0001")


def test_what_training_needs_is_kept_until_the_version_is_active(store, request_, monkeypatch) -> None:
    def busy(*_: object, **__: object) -> None:
        raise StoreError("another process is writing: try again when it is done")

    monkeypatch.setattr(VersionStore, "activate", busy)
    run = Run(store, request_)
    assert run() == "failed"
    monkeypatch.undo()
    shutil.rmtree(request_.target.bags[0])
    resumed = Run(store, job_id=run.folder.job_id)
    assert resumed() == "activated"
    assert resumed.of("progress") == []
    assert store.read().active == "v0001"


@pytest.mark.parametrize("stage", ["training", "evaluating", "the report"])
def test_a_rollback_during_a_job_is_not_undone_by_it(store, request_, monkeypatch, stage) -> None:
    add_active_version(store)
    write_report = report.write_report

    def roll_back_and_write(*arguments):
        if stage == "the report":
            store.rollback(BASE)
        return write_report(*arguments)

    monkeypatch.setattr(report, "write_report", roll_back_and_write)
    run = Run(store, request_)
    run.on_state = lambda event: event["state"] == stage and store.rollback(BASE)
    assert run() == "not_activated"
    assert run.of("state")[-1]["message"] == (
        "v0002 passed the gate, but base was made active in place of v0001 meanwhile: it is kept; activate v0002 "
        "to use it"
    )
    assert store.read().active == BASE


@pytest.mark.parametrize("job_id", ["", ".running", "../jobs/x", "/tmp/x", "a/b", ".."])
def test_a_job_id_is_no_path(store, job_id) -> None:
    with pytest.raises(RequestError, match="there is no job"):
        JobFolder(store.root, job_id)


def test_a_job_killed_at_any_moment_leaves_a_valid_store_and_can_be_resumed(store, request_) -> None:
    request = replace(request_, iterations=2, options={**request_.options, "checkpoint_every": "1"})
    if job_id := kill_jobs(store, request, KILLS, seed=11):
        assert Run(store, job_id=job_id)() == "activated"
    # One version a job, however often it was killed.
    jobs = [store.info(name).job_id for name in store.read().versions[1:]]
    assert len(jobs) == len(set(jobs)) >= 1


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_frames_and_reports_are_for_their_owner_alone(store, request_, umask) -> None:
    request_ = replace(request_, options={**request_.options, **EARLIER})
    before = os.umask(umask)
    try:
        canceled = Run(store, request_)
        canceled.stop_after = 1
        assert canceled() == "canceled"
        assert Run(store, request_)() == "activated"
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in [store.root, *store.root.rglob("*")]}
    assert any(path.suffix == ".pt" for path in modes)
    assert any(path.suffix == ".png" for path in modes)
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_frames_of_canceled_jobs_are_pruned_without_a_finished_one(store, request_) -> None:
    runs = []
    for _ in range(3):
        runs.append(Run(store, replace(request_, keep=1)))
        runs[-1].stop_after = 1
        assert runs[-1]() == "canceled"
    assert [run.folder.path.exists() for run in runs] == [False, True, True]
    runs[1].stop_after = 2
    assert runs[1]() == "canceled"  # one that is resumed stays, however old it is
    assert runs[1].folder.path.exists()
