# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Tasks of many recordings, in this process and in one that crashes."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import queue
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from adaptation_samples import write_bag, write_model

from madm_model.bulk.machine import _Worker, run_on_machine
from madm_model.bulk.task import MARKER, SegmentOptions, is_done, make_tasks, recordings, run_task, the_one_run
from madm_model.io.frames import InputError


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def options(model: Path) -> SegmentOptions:
    return SegmentOptions("thermal", model, device="cpu")


@pytest.fixture
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings are read in this process, which is quicker than in one with limits."""
    from madm_model import recording_source
    from madm_model.io.sources import open_frames

    def open_here(path: Path, topic: str | None, edges: Any, *chosen: Any) -> tuple[Any, None]:
        return open_frames(path, topic, *chosen), None

    monkeypatch.setattr(recording_source, "open_recording", open_here)


_ENDLESS = """
from pathlib import Path
from madm_model.bulk.machine import run_on_machine
from madm_model.bulk.task import SegmentOptions, SegmentTask

class Endless:
    def __reduce__(self):
        return exec, ("import os, time; print(os.getpid(), flush=True); time.sleep(600)",)

options = SegmentOptions("thermal", Path("model"), preprocessing={"gain": Endless()})
list(run_on_machine([SegmentTask(Path("bag"), Path("out"), options, "")], ["cpu"], threads=1))
"""


class Deadly:
    """Ends the process that is given one, as a crash does."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (7,)


def test_recordings_are_files_and_patterns_that_have_no_other_meaning(tmp_path: Path) -> None:
    for name in ("b", "a", "c[1]"):
        (tmp_path / name).mkdir()
    out = tmp_path / "out"
    assert recordings([tmp_path / "c[1]", tmp_path / "[ab]", tmp_path / "a", Path("not there")], out) == [
        tmp_path / "c[1]",
        tmp_path / "a",
        tmp_path / "b",
        Path("not there"),
    ]
    with pytest.raises(InputError, match=r"nothing fits .*x\*"):
        recordings([tmp_path / "x*"], out)


def test_a_pattern_does_not_mean_the_results_beside_the_recordings(tmp_path: Path, monkeypatch) -> None:
    for name in ("drive", "results"):
        (tmp_path / name).mkdir()
    assert recordings([tmp_path / "*"], tmp_path / "results") == [tmp_path / "drive"]
    with pytest.raises(InputError, match="nothing fits"):
        recordings([tmp_path / "res*"], tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    assert recordings([tmp_path / "*"], Path("results")) == [tmp_path / "drive"]


def test_recordings_of_one_name_are_told_apart_by_their_parents(tmp_path: Path, options: SegmentOptions) -> None:
    paths = [tmp_path / "one" / "drive", tmp_path / "two" / "drive", tmp_path / "other"]
    assert [task.out.name for task in make_tasks(paths, tmp_path / "out", options)] == [
        "one_drive",
        "two_drive",
        "other",
    ]
    with pytest.raises(InputError, match="several recordings would have their results in"):
        make_tasks([paths[0], paths[0]], tmp_path / "out", options)


def test_what_is_done_is_told_by_model_options_and_recording(tmp_path, options: SegmentOptions, read_here) -> None:
    bag = write_bag(tmp_path / "bag", 3)
    (task,) = make_tasks([bag], tmp_path / "out", options)
    assert not is_done(task)
    outcome = run_task(task, "cpu")
    assert (outcome.frames, outcome.failure) == (3, "")
    assert len(list((task.out / "labels").glob("*.png"))) == 3
    assert is_done(task)
    assert is_done(make_tasks([bag], tmp_path / "out", replace(options, device="cuda", runtime="onnx"))[0])
    another = tmp_path / "another"
    another.mkdir()
    (another / "config.json").write_text("{}")
    for changed in (replace(options, stride=2), replace(options, model=another)):
        with pytest.raises(InputError, match="was made by another model, with other options"):
            is_done(make_tasks([bag], tmp_path / "out", changed)[0])
    (bag / "more.mcap").touch()
    with pytest.raises(InputError, match="or of a recording that has changed"):
        is_done(make_tasks([bag], tmp_path / "out", options)[0])
    (task.out / MARKER).unlink()
    with pytest.raises(InputError, match="is not empty"):
        is_done(task)


@pytest.mark.parametrize("out", ["camera", "camera/results"])
def test_results_in_a_recording_are_no_change_of_it(tmp_path: Path, options: SegmentOptions, read_here, out) -> None:
    write_bag(tmp_path / "camera", 1)
    for _ in range(2):
        with the_one_run(tmp_path / out):
            (task,) = make_tasks([tmp_path / "camera"], tmp_path / out, options)
            if not is_done(task):
                assert run_task(task, "cpu").failure == ""
    assert is_done(task)


def test_results_up_to_where_a_recording_breaks_off_are_kept_and_made_again(
    tmp_path: Path, options: SegmentOptions, monkeypatch: pytest.MonkeyPatch, read_here
) -> None:
    from madm_model import recording
    from madm_model.io.bags import BagError
    from madm_model.io.sources import FrameSource

    (task,) = make_tasks([write_bag(tmp_path / "bag", 3)], tmp_path / "out", options)
    whole = FrameSource.__iter__

    def broken(self: FrameSource) -> Any:
        yield next(whole(self))
        raise BagError("the bag breaks off")

    with monkeypatch.context() as patch:
        patch.setattr(recording.FrameSource, "__iter__", broken)
        outcome = run_task(task, "cpu")
    assert (outcome.frames, outcome.failure) == (1, "the bag breaks off")
    assert len(list((task.out / "labels").glob("*.png"))) == 1
    assert not is_done(task)
    assert run_task(task, "cpu").frames == 3
    assert len(list((task.out / "labels").glob("*.png"))) == 3
    assert is_done(task)


def test_a_recording_that_crashes_its_process_fails_alone(tmp_path: Path, options: SegmentOptions) -> None:
    crashing, after = make_tasks([tmp_path / "crashing", tmp_path / "not there"], tmp_path / "out", options)
    crashing = replace(crashing, options=replace(options, preprocessing={"gain": Deadly()}))
    outcomes = {outcome.task.out.name: outcome for outcome in run_on_machine([crashing, after], ["cpu"], threads=1)}
    assert outcomes["crashing"].failure == "its process ended with status 7"
    assert f"{tmp_path / 'not there'} does not exist" in outcomes["not there"].failure
    assert not (tmp_path / "out").exists()


def test_a_process_that_cannot_be_started_fails_its_task(tmp_path: Path, options: SegmentOptions, monkeypatch) -> None:
    def start(process: Any) -> None:
        raise OSError(errno.EAGAIN, "too many processes")

    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "start", start)
    left, ended = queue.SimpleQueue(), queue.SimpleQueue()
    for task in make_tasks([tmp_path / "one", tmp_path / "two"], tmp_path / "out", options):
        left.put(task)
    _Worker("cpu", threads=1).keep_busy(left, ended)
    for name in ("one", "two"):
        outcome = ended.get_nowait()
        assert outcome.task.out.name == name
        assert "its process cannot be started ([Errno 11] too many processes)" in outcome.failure


def test_processes_end_with_the_command_that_started_them() -> None:
    with subprocess.Popen([sys.executable, "-c", _ENDLESS], stdout=subprocess.PIPE) as command:
        worker = int(command.stdout.readline())
        command.kill()
        command.wait()
        try:  # the pipe ends with the last process that could write into it
            assert select.select([command.stdout], [], [], 20)[0]
            assert command.stdout.read() == b""
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with the_one_run(tmp_path / "out"):
        second = the_one_run(tmp_path / "out")
        with pytest.raises(InputError, match="another run writes to"):
            second.__enter__()
    with the_one_run(tmp_path / "out"):
        pass


def test_tasks_run_on_a_ray_cluster(tmp_path: Path, options: SegmentOptions) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install ray")
    from madm_model.bulk.ray_cluster import run_on_ray

    empty = tmp_path / "empty"
    empty.mkdir()
    tasks = make_tasks([write_bag(tmp_path / "bag", 2), empty], tmp_path / "out", options)
    outcomes = {outcome.task.recording.name: outcome for outcome in run_on_ray(tasks, "local")}
    assert (outcomes["bag"].frames, outcomes["bag"].failure) == (2, "")
    assert outcomes["empty"].failure
    assert is_done(tasks[0])
