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
import math
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from madm_model.adaptation.data.source_frames import SIMULATED_STREETS, SourceFrames, open_source
from madm_model.adaptation.data.target_bags import collect_frames
from madm_model.adaptation.data.target_frames import META_FILE, TargetFrames
from madm_model.adaptation.data.training_data import JobData
from madm_model.adaptation.resources import ResourceError
from madm_model.adaptation.self_training import SelfTraining, TrainingDiverged
from madm_model.checkpoint.model_folder import load_model, save_model
from madm_model.io import durable
from madm_model.io.frames import InputError
from madm_model.jobs import gate_run, report
from madm_model.jobs.check import check_cost, check_request, check_settings, resolve_settings
from madm_model.jobs.events import Emit, JobCanceled, JobEvents, log
from madm_model.jobs.lock import the_one_job
from madm_model.jobs.request import JobFolder, JobRequest, RequestError, prune_jobs
from madm_model.jobs.room import free_memory, is_out_of_memory, limit_memory, prepare_device, step_back
from madm_model.jobs.settings import JobSettings
from madm_model.jobs.state import State
from madm_model.jobs.training import LOG_FILE, Trained, drop_checkpoints, iterations_in, train
from madm_model.model_config import ModelConfig, ModelError
from madm_model.store import ActiveChanged, StoreError, VersionInfo, VersionStore


class AdaptationJob:
    """The stages of one job; each can be repeated after an interruption."""

    def __init__(self, store_root: Path, job_id: str, emit: Emit, should_stop: Callable[[], bool]) -> None:
        """Find the job in the store.

        Raises:
            RequestError: there is no such job.
        """
        self._folder = JobFolder(store_root, job_id)
        self._request: JobRequest = self._folder.request()
        self._store = VersionStore(store_root, Path(self._request.base), self._request.keep)
        self._target_folder = self._folder.path / "target"
        self._events = JobEvents(self._folder, emit, should_stop)

    @property
    def niceness(self) -> int:
        """What is to be added to the process's niceness."""
        return self._request.niceness

    @property
    def _time_limit_s(self) -> float:
        """Seconds of training at most, whatever was estimated."""
        return min(self._request.time_budget_s or math.inf, self._request.max_days * 86_400)

    def limit_memory(self) -> None:
        """On a CPU, take at most twice the memory that the job is expected to need."""
        with contextlib.suppress(InputError):  # `run` tells it
            cost = check_cost(self._request, self._store, check_settings(self._request, self._store))
            if not cost.gpu_memory:
                limit_memory(2 * cost.memory)

    def run(self) -> State:
        """Run to the end; gives the last state, which is also in the job's folder unless it may not run at all."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(durable.private_files())  # recorded frames are in most of them
            try:
                stack.enter_context(the_one_job(self._store.root, self._folder.job_id))
                self._folder.check_resumable(self._store.read().versions)
            except (RequestError, OSError) as error:
                return self._events.refuse(str(error))
            with contextlib.suppress(ModelError, OSError):  # jobs that were canceled or failed keep frames, too
                prune_jobs(self._store, self._request.keep + 1, self._folder.job_id)
            return self._run_to_the_end()

    def _run_to_the_end(self) -> State:
        try:
            return self._run()
        except JobCanceled:
            return self._events.state(State.CANCELED, "stopped as it was asked to; it can be resumed")
        except (InputError, ModelError, StoreError, ResourceError, TrainingDiverged, ValueError, OSError) as error:
            return self._fail(error, str(error))
        except Exception as error:  # such as GPU memory that runs out: told like the others, and traced
            log(traceback.format_exc())
            return self._fail(error, f"{type(error).__name__}: {error}")

    def _run(self) -> State:
        # 1. Check the request again: it may be resumed on another day
        self._events.state(State.PREPARING, "checking the request")
        replaced = self._store.read().active  # whoever makes another one active from here on wants that one
        if not self._folder.state().iterations:
            check_request(self._request, self._store)
        parent = self._folder.state().parent or replaced
        self._folder.update(parent=parent)
        device = prepare_device(self._request.device, self._request.threads, self._request.gpu_memory_share)
        config = ModelConfig.load(self._store.folder(parent))

        # 2. Target and source frames on disk
        settings = resolve_settings(self._request, config, 1000, device.type == "cuda")
        target, source = self._prepare_data(config, settings)

        # 3. How long to train
        iterations = self._decide_iterations(parent, config, target, source, device)
        settings = resolve_settings(self._request, config, iterations, device.type == "cuda")
        data = JobData(source, target, config, settings.view)

        # 4. Train, from the last checkpoint if there is one
        network = load_model(self._store.folder(parent), device)[0]  # not before: the trial had one of its own
        self._events.state(State.TRAINING, f"training on {len(target.training)} frames for {iterations} iterations")
        trainer = SelfTraining(network, config.label_set, data, settings.training)
        trained = train(trainer, settings, self._time_limit_s, self._folder, self._events)

        # 5. Compare with the running version on held-out frames
        self._events.state(State.EVALUATING, "comparing the new version with the running one")
        running = self._store.read()
        evidence = gate_run.examine(
            trainer,
            config,
            running.folder,
            data.held_out,
            source,
            target,
            settings,
            device,
            self._request.precision,
            self._events.check_stop,
        )

        # 6. Write the version, and make it the active one if it passed
        version = self._write_version(evidence, config, parent, trained, target)
        page = report.write_report(
            self._folder.path / "report", self._summary(version, running.active, target), evidence, config.label_set
        )
        self._folder.update(new_version=version, report=str(page.absolute()))
        kept_because = settings.gate.too_little(trained.iterations, len(target))
        state = self._activate_if_fit(version, replaced, running.active, kept_because)
        with contextlib.suppress(ModelError, OSError):  # the job is over, whatever is left behind
            self._clean_up()
        return state

    # ---- stages ----

    def _prepare_data(self, config: ModelConfig, settings: JobSettings) -> tuple[TargetFrames, SourceFrames]:
        self._events.state(State.PREPARING, "reading the recordings")
        target = collect_frames(
            self._request.target,
            self._request.preprocessing,
            config,
            settings.limits,
            self._target_folder,
            lambda read, kept: self._events.count("frames", read, read=read, kept=kept),
        )
        self._events.state(State.PREPARING, "preparing the labelled source")
        name = self._request.source
        # Rendered streets serve all jobs of this store; a folder's count is the job's own.
        folder = self._store.root / "sources" / (name or "replay") if name in SIMULATED_STREETS else None
        source = open_source(
            name,
            config.label_set,
            folder or self._folder.path / "source",
            lambda done, total: self._events.count("source", done, done=done, total=total),
            settings.source_labels,
        )
        return target, source

    def _decide_iterations(
        self, parent: str, config: ModelConfig, target: TargetFrames, source: SourceFrames, device: torch.device
    ) -> int:
        """The requested number; with a time budget alone, as many as fit by the time a few trial steps take."""
        decided = self._request.iterations or self._folder.state().iterations
        if not decided:
            self._events.state(State.PREPARING, "measuring the time of an iteration")
            settings = resolve_settings(self._request, config, 1000, device.type == "cuda")
            data = JobData(source, target, config, settings.view)
            network = load_model(self._store.folder(parent), device)[0]
            trial = SelfTraining(network, config.label_set, data, settings.training)
            decided = iterations_in(self._request.time_budget_s, trial, self._events)
            del network, trial
            free_memory(device)  # before the training's network is loaded
        self._folder.update(iterations=decided)
        return decided

    def _write_version(
        self,
        evidence: gate_run.Evidence,
        config: ModelConfig,
        parent: str,
        trained: Trained,
        target: TargetFrames,
    ) -> str:
        self._events.check_stop()
        job_id, modality = self._folder.job_id, self._request.target.modality
        # A job that was killed right after this stage has its version already.
        for version in self._store.read().versions[1:]:
            if self._store.info(version).job_id == job_id:
                return version

        def info(version: str) -> VersionInfo:
            training = {
                "iterations": trained.iterations,
                "seconds": round(trained.seconds, 1),
                "source": self._request.source or "replay",
                "bags": list(self._request.target.bags),
                "target_frames": len(target),
                "options": dict(self._request.options),
            }
            return VersionInfo(version, parent, job_id, modality, evidence.result.to_dict(), training)

        def save(folder: Path) -> None:
            new_config = replace(config, name=f"{config.name.split('@')[0]}@{job_id}", modality=modality)
            save_model(folder, evidence.network, new_config, gate_run.STORED_DTYPE)

        return self._store.add(save, info)

    def _activate_if_fit(self, version: str, replaced: str, running: str, too_little: str) -> State:
        verdict = self._store.info(version).gate
        if not verdict["passed"]:
            return self._events.state(
                State.NOT_ACTIVATED, f"{version} did not pass the gate, {running} stays: {verdict['reason']}"
            )
        if too_little or not self._request.auto_activate:
            reason = f"{too_little}, so it" if too_little else "as it was asked, it"
            return self._events.state(
                State.NOT_ACTIVATED,
                f"{version} passed the gate; {reason} is only kept and {running} stays: look at the report, then "
                f"activate {version}",
            )
        try:
            self._store.activate(version, in_place_of=replaced)
        except ActiveChanged as error:
            return self._events.state(
                State.NOT_ACTIVATED, f"{version} passed the gate, but {error}: it is kept; activate {version} to use it"
            )
        return self._events.state(State.ACTIVATED, f"{version} passed the gate and is active in place of {running}")

    def _clean_up(self) -> None:
        """Remove what only training needs; the report and the answers stay."""
        shutil.rmtree(self._target_folder, ignore_errors=True)
        drop_checkpoints(self._folder)
        prune_jobs(self._store, self._request.keep, self._folder.job_id)

    # ---- telling ----

    def _summary(self, version: str, running: str, target: TargetFrames) -> report.Summary:
        selection = self._request.target
        return report.Summary(
            self._folder.job_id,
            selection.modality,
            version,
            running,
            {
                "bags": ", ".join(selection.bags),
                "target frames": f"{len(target)}, {len(target.training)} of them trained on",
                "source": self._request.source or "replay set (simulated streets)",
                "options": json.dumps(dict(self._request.options)),
            },
            target.notes,
            self._folder.path / LOG_FILE,
        )

    def _fail(self, error: Exception, message: str) -> State:
        if not (self._target_folder / META_FILE).exists():  # half of it is of no use, and may be what fills the disk
            shutil.rmtree(self._target_folder, ignore_errors=True)
        if is_out_of_memory(error):
            message = "memory ran out: lower view.batch_size, crop_height or crop_width and start a new job"
        if durable.is_disk_full(error):
            log(f"no space left: {error}")
            message = f"no space left in {self._store.root}: free some, then resume the job"
        return self._events.state(State.FAILED, message)


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
    job.limit_memory()
    return int(job.run() == State.FAILED)


if __name__ == "__main__":
    sys.exit(main())
