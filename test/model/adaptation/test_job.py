"""A whole job on a network of a moment: to a version, to a refusal, canceled, resumed, killed."""

from __future__ import annotations

import errno
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch
from adaptation_samples import Run, make_request, write_bag, write_model
from kill_samples import kill_after, start_child
from safetensors.torch import load_file

from madm_model.adaptation import gate_run, job
from madm_model.adaptation.gate import Check, GateResult
from madm_model.adaptation.job import AdaptationJob
from madm_model.adaptation.job_request import (
    JobFolder,
    JobRequest,
    RequestError,
    check_request,
    prune_jobs,
    running_job,
    the_one_job,
)
from madm_model.adaptation.target_bags import TargetSelection
from madm_model.checkpoint.model_folder import load_model
from madm_model.model_config import ModelConfig
from madm_model.store import BASE, VersionInfo, VersionStore
from madm_model.store.version import fault

KILLS = 20


@pytest.fixture
def request_(tmp_path) -> JobRequest:
    return make_request(tmp_path, write_bag(tmp_path / "bag"))


@pytest.fixture
def store(tmp_path) -> VersionStore:
    return VersionStore(tmp_path / "store", tmp_path / "base")


def test_a_job_ends_with_an_active_version_and_a_report(store, request_) -> None:
    run = Run(store, request_)
    assert run() == "activated"
    snapshot = store.read()
    assert snapshot.active == "v0001"
    info = store.info("v0001")
    assert (info.parent, info.job_id, info.modality) == (BASE, run.folder.job_id, "thermal")
    assert info.gate["passed"]
    assert {check["name"] for check in info.gate["checks"]} >= {"agreement", "confidence", "classes", "source mIoU"}
    assert info.training["iterations"] == 3
    assert ModelConfig.load(snapshot.folder).modality == "thermal"
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


def test_the_next_job_starts_from_the_active_version(store, request_) -> None:
    Run(store, request_)()
    Run(store, request_)()
    assert store.info("v0002").parent == "v0001"
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


def test_a_canceled_and_resumed_job_gives_the_same_version_as_an_unbroken_one(store, request_, tmp_path) -> None:
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


def test_a_full_disk_fails_the_job_and_it_can_be_resumed(store, request_, monkeypatch) -> None:
    run = Run(store, request_)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(job, "save_model", full)
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


def test_an_unknown_job_is_named(store, request_) -> None:
    run = Run(store, request_)
    with pytest.raises(RequestError, match=f"there is no job 'x': {run.folder.job_id}"):
        Run(store, job_id="x")()


def test_old_jobs_go_with_their_versions(store, tmp_path) -> None:
    def save(folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"weights")

    for name in "abcd":
        (store.root / "jobs" / name).mkdir(parents=True)
    store.add(save, lambda version: VersionInfo(version, BASE, "b", "thermal"))
    prune_jobs(store, keep=1)
    assert sorted(path.name for path in (store.root / "jobs").iterdir()) == ["b", "d"]


def test_only_one_job_runs_on_a_store(store, request_) -> None:
    run = Run(store, request_)
    assert running_job(store.root) == ""
    with the_one_job(store.root, "another"):
        assert running_job(store.root) == "another"
        assert run() == "failed"
        assert run.of("state")[-1]["message"] == "job another is running: wait for its end, or cancel it"
    assert running_job(store.root) == ""


def refusal(request: JobRequest, store: VersionStore, roots: list[Path] | None = None) -> str:
    with pytest.raises(RequestError) as error:
        check_request(request, store, roots)
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
    assert not store.root.exists()


def test_a_store_of_another_modality_is_refused(store, request_) -> None:
    Run(store, request_)()
    depth = replace(request_, target=replace(request_.target, modality="depth"))
    assert "holds versions for thermal: give depth a store of its own" in refusal(depth, store)


def test_too_little_disk_or_memory_is_refused(store, request_, monkeypatch) -> None:
    from madm_model.adaptation import job_room

    monkeypatch.setattr(job_room.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1000))
    assert "has 0 MB free, the job needs about" in refusal(request_, store)
    monkeypatch.undo()
    monkeypatch.setattr(job_room, "available_memory", lambda: 10_000_000)
    assert "10 MB of memory are free, the job needs about" in refusal(request_, store)


def test_paths_outside_the_roots_are_refused_however_they_are_written(store, request_, tmp_path) -> None:
    allowed, outside = tmp_path / "allowed", tmp_path / "bag"
    allowed.mkdir()
    (allowed / "link").symlink_to(outside)
    shutil.copytree(outside, allowed / "bag")
    shutil.copytree(tmp_path / "source", allowed / "source")
    inside = replace(
        request_, target=TargetSelection((str(allowed / "bag"),), "thermal"), source=str(allowed / "source")
    )
    check_request(inside, store, [allowed])
    for path in (outside, allowed / ".." / "bag", allowed / "link"):
        request = replace(inside, target=TargetSelection((str(path),), "thermal"))
        assert "is not under one of the folders allowed by bag_roots" in refusal(request, store, [allowed])
    assert "bag_roots" in refusal(replace(inside, source=str(tmp_path / "source")), store, [allowed])
    assert "none is configured" in refusal(inside, store, [])


@pytest.mark.parametrize("arguments", [{}, {"iterations": -1}, {"iterations": 3, "niceness": 20}])
def test_a_request_without_sense_is_refused(arguments) -> None:
    with pytest.raises(ValueError, match=r"set a number of iterations|gpu_memory_share"):
        JobRequest(TargetSelection(("bag",), "thermal"), **arguments)


def _run_job(root: Path, job_id: str) -> None:
    """What a child does: the job as `main` runs it."""
    torch.set_num_threads(1)
    AdaptationJob(root, job_id, lambda event: None, lambda: False).run()


def test_a_job_killed_at_any_moment_leaves_a_valid_store_and_can_be_resumed(store, request_) -> None:
    moments = random.Random(11)
    request = replace(request_, iterations=2, options={**request_.options, "checkpoint_every": "1"})
    job_id, kills = "", 0
    while kills < KILLS:
        job_id = job_id or JobFolder.create(store.root, request).job_id
        kills += kill_after(start_child(_run_job, store.root, job_id), moments.uniform(0, 1.8))
        snapshot = store.read()
        assert snapshot.note == ""
        assert all(fault(store.folder(name), with_checksums=True) == "" for name in snapshot.versions[1:])
        if JobFolder(store.root, job_id).state().state == "activated":
            assert store.info(snapshot.active).job_id == job_id
            job_id = ""
    if job_id:
        assert Run(store, job_id=job_id)() == "activated"
    # One version a job, however often it was killed.
    jobs = [store.info(name).job_id for name in store.read().versions[1:]]
    assert len(jobs) == len(set(jobs)) >= 1


def test_the_model_folder_may_be_missing(store, request_, tmp_path) -> None:
    shutil.rmtree(tmp_path / "base")
    assert "is not a model folder" in refusal(request_, store)
    write_model(tmp_path / "base")
    check_request(request_, store)
