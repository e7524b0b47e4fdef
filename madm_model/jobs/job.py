# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One adaptation job, from the request in its folder to a new version in the store.

    python -m madm_model.jobs.job STORE JOB_ID

It runs in a process of its own, at low priority: whatever ends it leaves the store and everyone who reads it alone.
What happens goes to standard output as JSON, one event (`job_events`) a line.

SIGTERM and SIGINT cancel: the last iteration is checkpointed. A job that ended any way but by a verdict of the gate
can be run again and goes on where it stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from madm_model.adaptation.data.target_frames import META_FILE
from madm_model.adaptation.resources import ResourceError
from madm_model.adaptation.self_training import SelfTraining, TrainingDiverged
from madm_model.checkpoint.model_folder import load_model
from madm_model.io import durable
from madm_model.io.frames import InputError
from madm_model.jobs import gate_run
from madm_model.jobs.candidate import Candidate, adapted_config, choose_job_student, distil_student, keep_teacher
from madm_model.jobs.check import check_cost, check_files, check_settings, resolve_settings
from madm_model.jobs.comparison import Comparison
from madm_model.jobs.context import JobContext
from madm_model.jobs.earlier_states import EarlierStates
from madm_model.jobs.events import Emit, JobCanceled, log
from madm_model.jobs.lock import the_one_job
from madm_model.jobs.new_version import activate_if_fit, write_report, write_version
from madm_model.jobs.preparation import (
    decide_iterations,
    label_pairs,
    open_labelled,
    prepare_frames,
    training_data,
)
from madm_model.jobs.request import RequestError, prune_jobs
from madm_model.jobs.room import free_memory, memory_limit, prepare_device, step_back
from madm_model.jobs.state import State
from madm_model.jobs.training import drop_checkpoints, train
from madm_model.model_config import ModelConfig, ModelError
from madm_model.store import StoreError

_PROBE_ITERATIONS = 1000
"""What settings are for as long as the number of iterations is not known; only what depends on it differs."""


class AdaptationJob:
    """Takes a job through its stages; each can be repeated after an interruption."""

    def __init__(self, store_root: Path, job_id: str, emit: Emit, should_stop: Callable[[], bool]) -> None:
        """Find the job in the store.

        Raises:
            RequestError: there is no such job.
        """
        self._job = JobContext.find(store_root, job_id, emit, should_stop)

    @property
    def niceness(self) -> int:
        """What is to be added to the process's niceness."""
        return self._job.request.niceness

    def memory_limit(self) -> contextlib.AbstractContextManager[None]:
        """On a CPU, take at most twice the memory that the job is expected to need."""
        request, store = self._job.request, self._job.store
        with contextlib.suppress(InputError):  # `run` tells it
            cost = check_cost(request, store, check_settings(request, store))
            if not cost.gpu_memory:
                return memory_limit(2 * cost.memory)
        return contextlib.nullcontext()

    def run(self) -> State:
        """Run to the end; gives the last state, which is also in the job's folder unless it may not run at all."""
        job = self._job
        with contextlib.ExitStack() as stack:
            stack.enter_context(durable.private_files())  # recorded frames are in most of them
            try:
                stack.enter_context(the_one_job(job.store.root, job.folder.job_id))
                job.folder.check_resumable(job.store.read().versions)
            except (RequestError, OSError) as error:
                return job.events.refuse(str(error))
            with contextlib.suppress(ModelError, OSError):  # jobs that were canceled or failed keep frames, too
                prune_jobs(job.store, job.request.keep + 1, job.folder.job_id)
            return self._run_to_the_end()

    def _run_to_the_end(self) -> State:
        try:
            return _run_stages(self._job)
        except JobCanceled:
            return self._job.events.state(State.CANCELED, "stopped as it was asked to; it can be resumed")
        except (InputError, ModelError, StoreError, ResourceError, TrainingDiverged, ValueError, OSError) as error:
            return _fail(self._job, error, str(error))
        except Exception as error:  # such as GPU memory that runs out: told like the others, and traced
            log(traceback.format_exc())
            return _fail(self._job, error, f"{type(error).__name__}: {error}")


def _run_stages(job: JobContext) -> State:
    # 1. Check the request again: it may be resumed on another day
    job.events.state(State.PREPARING, "checking the request")
    replaced = job.store.read().active  # whoever makes another one active from here on wants that one
    if not job.folder.state().iterations:
        check_cost(job.request, job.store, check_settings(job.request, job.store))
        check_files(job.request)
    parent = job.folder.state().parent or replaced
    job.folder.update(parent=parent)
    device = prepare_device(job.request.device, job.request.threads, job.request.gpu_memory_share)
    config, on_gpu = ModelConfig.load(job.store.training_folder(parent)), device.type == "cuda"

    # 2. Target and source frames on disk
    probe = resolve_settings(job.request, job.store, parent, _PROBE_ITERATIONS, on_gpu)
    student = choose_job_student(job, probe, config, parent) if probe.has_student else None
    target, source = prepare_frames(job, [config, *(student or ())[1:]], probe)
    labelled = open_labelled(job, config, probe)
    paired = label_pairs(job, target, config, probe, device)

    # 3. How long to train
    data = training_data(target, source, labelled, paired, config, probe)
    iterations = decide_iterations(job, parent, config, probe, data, device)
    settings = resolve_settings(job.request, job.store, parent, iterations, on_gpu)

    # 4. Train, from the last checkpoint if there is one
    network = load_model(job.store.training_folder(parent), device)[0]  # not before: the trial had one of its own
    own = labelled.training if labelled is not None else None
    beside = f" and {len(own.pixel_counts)} labelled ones" if own is not None else ""
    job.events.state(State.TRAINING, f"training on {len(target.training)} frames{beside} for {iterations} iterations")
    trainer = SelfTraining(network, config.label_set, data, settings.training, held_bias=config.class_bias)
    count = settings.earlier_states if student is None else 0
    earlier = EarlierStates(job.earlier_folder, count, settings.training.iterations)
    limit_s = settings.training_share * job.time_limit_s
    trained = train(trainer, settings, limit_s, job.folder, job.events, earlier)

    # 5. The teacher's opinion on held-out frames, and the adapted model
    job.events.state(State.EVALUATING, "asking the teacher about held-out frames")
    opinions = gate_run.ask_teacher(trainer, config, target, settings, device, job.events.check_stop)
    adapted = adapted_config(job, config, trainer.bias_to_keep)
    candidate = Candidate(trainer.finish(), adapted)

    # 6. A student in its place, if one is wanted
    if student is not None:
        keep_teacher(job, candidate)
        del network, trainer, candidate
        free_memory(device)
        candidate = distil_student(job, settings, student, target, source, device)

    # 7. Compare with the running version; where it is refused, an earlier state may not be
    job.events.state(State.EVALUATING, "comparing the new version with the running one")
    running = job.store.read()
    judged_by = labelled.held_out if labelled is not None else None
    compare = Comparison(job, running.folder, opinions, data, source, target, settings, device, judged_by)
    evidence = compare(candidate)
    if student is None and not evidence.result.passed:

        def start_again() -> SelfTraining:
            network = load_model(job.store.training_folder(parent), device)[0]
            return SelfTraining(network, config.label_set, data, settings.training, held_bias=config.class_bias)

        found = compare.first_that_passes(earlier, start_again, candidate, trained)
        candidate, evidence, trained = found or (candidate, evidence, trained)

    # 8. Write the version and the page about it
    version = write_version(job, evidence, candidate, parent, trained, target, labelled, adapted, settings, device)
    write_report(job, version, running.active, evidence, candidate, target, labelled, adapted)

    # 9. Make it the active one if it passed
    too_little = settings.gate.too_little(trained.iterations, len(target))
    state = activate_if_fit(job, version, replaced, running.active, too_little)

    # 10. Remove what only training needs; the report and the answers stay
    with contextlib.suppress(ModelError, OSError):  # the job is over, whatever is left behind
        for folder in (job.target_folder, job.labels_folder, job.teacher_folder):
            shutil.rmtree(folder, ignore_errors=True)
        earlier.drop()
        drop_checkpoints(job.folder)
        prune_jobs(job.store, job.request.keep, job.folder.job_id)
    return state


def _fail(job: JobContext, error: Exception, message: str) -> State:
    if not (job.target_folder / META_FILE).exists():  # half of it is of no use, and may be what fills the disk
        shutil.rmtree(job.target_folder, ignore_errors=True)
    if durable.is_out_of_memory(error):
        message = "memory ran out: lower view.batch_size, crop_height or crop_width and start a new job"
    if durable.is_disk_full(error):
        log(f"no space left: {error}")
        message = f"no space left in {job.store.root}: free some, then resume the job"
    return job.events.state(State.FAILED, message)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; exit status 1 only for a failed job."""
    parser = argparse.ArgumentParser(prog="madm_model.jobs.job", description="Runs one adaptation job.")
    parser.add_argument("store", type=Path)
    parser.add_argument("job_id")
    options = parser.parse_args(arguments)
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)

    def emit(event: dict[str, Any]) -> None:
        # Whoever started the job may be gone: it goes on alone.
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(event), flush=True)

    try:
        job = AdaptationJob(options.store, options.job_id, emit, lambda: stopped)
    except InputError as error:
        emit({"event": "state", "state": State.FAILED, "message": str(error)})
        return 1
    step_back(job.niceness)
    with job.memory_limit():
        return int(job.run() == State.FAILED)


if __name__ == "__main__":
    sys.exit(main())
