"""A whole job on a network of a moment: to a version, to a refusal, canceled, resumed, killed."""

from __future__ import annotations

import errno
import fcntl
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from adaptation_samples import TOPIC, Run, make_request, thermal_frames, write_bag, write_model
from kill_samples import kill_jobs, run_job, start_child
from safetensors.torch import load_file

from madm_model.adaptation import gate_run, job, report
from madm_model.adaptation.gate import Check, GateResult
from madm_model.adaptation.job_check import check_request
from madm_model.adaptation.job_request import (
    JobFolder,
    JobRequest,
    RequestError,
    RunningJob,
    prune_jobs,
    running_job,
    stop_running_job,
    the_one_job,
)
from madm_model.adaptation.job_room import step_back
from madm_model.adaptation.target_bags import TargetSelection
from madm_model.checkpoint.model_folder import load_model
from madm_model.io.bags import BagWriter, make_image_message
from madm_model.io.frames import InputError
from madm_model.model_config import ModelConfig
from madm_model.store import BASE, StoreError, VersionInfo, VersionStore

KILLS = 8
"""More of them beside a node: test/ros/test_killed_job.py."""


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
    examine = gate_run.examine

    def spy(trainer, *arguments):
        trained.append({name: value.clone() for name, value in trainer.network.head.named_buffers()})
        return examine(trainer, *arguments)

    monkeypatch.setattr(gate_run, "examine", spy)
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
    assert running_job(store.root) is None
    with the_one_job(store.root, "another"):
        assert running_job(store.root) == RunningJob("another", os.getpid())
        assert run() == "failed"
        assert run.of("state")[-1]["message"] == "job another is running: wait for its end, or cancel it"
    assert running_job(store.root) is None


def test_a_job_that_runs_already_is_left_alone_by_a_second_process(store, request_) -> None:
    run = Run(store, request_)
    half_read = run.folder.path / "target" / "frames.bin"

    def intrude(event: dict) -> None:
        if event["message"] == "reading the recordings":
            half_read.parent.mkdir()
            half_read.write_bytes(b"half of the frames")
            second = Run(store, job_id=run.folder.job_id)
            assert second() == "failed"
            assert "is running: wait for its end" in second.of("state")[-1]["message"]
            assert (run.folder.state().state, half_read.exists()) == ("preparing", True)

    run.on_state = intrude
    assert run() == "activated"


def test_only_the_process_that_has_the_lock_is_told_to_stop(store, request_) -> None:
    run = Run(store, request_)
    assert not stop_running_job(store.root)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        with the_one_job(store.root, run.folder.job_id):
            (store.root / "jobs" / ".running").write_text(f"{run.folder.job_id} {stranger.pid}")
            with pytest.raises(RequestError, match=f"process {stranger.pid}, which cannot be reached from here"):
                stop_running_job(store.root)
        assert stranger.poll() is None
        stranger.kill()
    child = start_child(run_job, store.root, run.folder.job_id)
    while not stop_running_job(store.root):
        assert child.is_alive()
    child.join()
    assert child.exitcode == -signal.SIGTERM  # one that does not listen to it, as `main` does


def test_a_question_what_is_running_does_not_keep_a_job_from_starting(store, request_) -> None:
    run = Run(store, request_)
    path = store.root / "jobs" / ".running"
    path.touch()
    with path.open() as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH)
        threading.Timer(0.2, lambda: fcntl.flock(file.fileno(), fcntl.LOCK_UN)).start()
        assert run() == "activated"


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
    monkeypatch.setattr(job.report, "write_report", lambda *_: 1 / 0)
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


def test_a_rollback_during_a_job_is_not_undone_by_it(store, request_, monkeypatch) -> None:
    Run(store, request_)()
    write_report = report.write_report

    def roll_back_meanwhile(*arguments):
        store.rollback(BASE)
        return write_report(*arguments)

    monkeypatch.setattr(report, "write_report", roll_back_meanwhile)
    run = Run(store, request_)
    assert run() == "not_activated"
    assert run.of("state")[-1]["message"] == (
        "v0002 passed the gate, but base was made active in place of v0001 meanwhile: it is kept; roll back to v0002 "
        "to use it"
    )
    assert store.read().active == BASE


@pytest.mark.parametrize("job_id", ["", ".running", "../jobs/x", "/tmp/x", "a/b", ".."])
def test_a_job_id_is_no_path(store, job_id) -> None:
    with pytest.raises(RequestError, match="there is no job"):
        JobFolder(store.root, job_id)


def test_a_job_steps_back_for_others(store, request_) -> None:
    niceness, score = os.nice(0), Path("/proc/self/oom_score_adj")
    run = Run(store, replace(request_, niceness=7))
    pipe, end = os.pipe()
    child = os.fork()
    if not child:
        try:
            step_back(run.folder.request().niceness)
            os.write(end, f"{os.nice(0)} {score.read_text() if score.exists() else 500}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(pipe, 100).decode().split() == [str(min(19, niceness + 7)), "500"]


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
        ({"checkpoint_every": "0"}, "checkpoint_every must be at least 1"),
        ({"crop_height": "17"}, "crop_height and crop_width must be multiples of"),
        ({"seed": "-1"}, "seed must not be negative"),
        ({"max_scale": "inf"}, "'inf' is no finite number"),
        ({"learning_rate": "nan"}, "'nan' is no finite number"),
        ({"steps": '["a"]'}, "'a' is no number"),
        ({"steps": "[" * 100_000}, "is no list"),
        ({"blur_sigma": "[1]"}, "has 1 values: it needs 2"),
        ({"initial_steps": "[1.5, 2]"}, "'1.5' is no whole number"),
        ({"max_frames": "16", "min_frames": "16"}, "min_frames must be at least 2 and at most half of max_frames"),
    ):
        assert reason in refusal(replace(request_, options={**request_.options, **options}), store)
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


def test_adapters_and_a_gpu_need_less_room(store, request_, tmp_path, monkeypatch) -> None:
    from madm_model.adaptation import job_room

    base = tmp_path / "large"
    base.mkdir()
    with (base / "model.safetensors").open("wb") as file:
        file.truncate(2_000_000_000)  # weights of half precision; takes no disk

    def memory_of(adapters: bool, on_gpu: bool) -> int:
        monkeypatch.setattr(job_room, "available_memory", lambda: 0)
        with pytest.raises(InputError, match="of memory are free") as error:
            job_room.check_room(tmp_path, base, 0, adapters, on_gpu)
        return int(re.search(r"needs about (\d+) MB", str(error.value))[1])

    assert [memory_of(*case) for case in ((False, False), (True, False), (True, True))] == [25_000, 15_000, 9_000]


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
    assert "the selection has 1 frames, 4 are needed" in refusal(early, store)


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


def test_a_job_killed_at_any_moment_leaves_a_valid_store_and_can_be_resumed(store, request_) -> None:
    request = replace(request_, iterations=2, options={**request_.options, "checkpoint_every": "1"})
    if job_id := kill_jobs(store, request, KILLS, seed=11):
        assert Run(store, job_id=job_id)() == "activated"
    # One version a job, however often it was killed.
    jobs = [store.info(name).job_id for name in store.read().versions[1:]]
    assert len(jobs) == len(set(jobs)) >= 1


def test_the_model_folder_may_be_missing(store, request_, tmp_path) -> None:
    shutil.rmtree(tmp_path / "base")
    assert "is not a model folder" in refusal(request_, store)
    write_model(tmp_path / "base")
    check_request(request_, store)
