"""One adaptation job, from the request in its folder to a new version in the store.

    python -m madm_model.adaptation.job STORE JOB_ID

It runs in a process of its own, at low priority: whatever ends it leaves the store and everyone who reads it alone.
What happens goes to standard output as JSON, one event a line:

    {"event": "state", "state": "preparing", "message": ..., "new_version": "", "report": ""}
                                                                      a stage begins, or the job ends
    {"event": "frames", "read": 120, "kept": 64}                      while bags are read
    {"event": "source", "done": 10, "total": 60}                      while the source is prepared
    {"event": "progress", "iteration": 7, "iterations": 500, ...}     after every optimiser step

SIGTERM and SIGINT cancel: the last iteration is checkpointed. A job that ended any way but by a verdict of the gate
can be run again and goes on where it stopped.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from madm_model.adaptation import gate_run, report
from madm_model.adaptation.gate import GateResult
from madm_model.adaptation.job_request import (
    ACTIVATED,
    CANCELED,
    EVALUATING,
    FAILED,
    NOT_ACTIVATED,
    PREPARING,
    TRAINING,
    JobFolder,
    JobRequest,
    check_request,
    prune_jobs,
    resolve_settings,
    the_one_job,
)
from madm_model.adaptation.job_settings import JobSettings
from madm_model.adaptation.resources import ResourceError
from madm_model.adaptation.self_training import SelfTraining, StepStatistics, TrainingDiverged
from madm_model.adaptation.source_frames import SIMULATED_STREETS, SourceFrames, open_source
from madm_model.adaptation.target_bags import TargetFrames, collect_frames
from madm_model.adaptation.training_clock import TrainingClock
from madm_model.adaptation.training_data import JobData
from madm_model.checkpoint.model_folder import load_model, save_model
from madm_model.io.frames import InputError
from madm_model.model_config import ModelConfig, ModelError
from madm_model.segmenter import choose_device
from madm_model.store import StoreError, VersionInfo, VersionStore
from madm_model.training.stage import StageConfig, run_iterations

Emit = Callable[[dict[str, Any]], None]

STAGE_NAME = "training"
_PROBES = 3
_LOG_ROWS = 400


class JobCanceled(Exception):
    """Someone asked the job to stop."""


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
        self._emit, self._should_stop = emit, should_stop

    @property
    def niceness(self) -> int:
        """What is to be added to the process's niceness."""
        return self._request.niceness

    def run(self) -> str:
        """Run to the end; gives the last state, which is also in the job's folder."""
        try:
            with the_one_job(self._store.root, self._folder.job_id):
                return self._run()
        except JobCanceled:
            return self._state(CANCELED, "canceled; it can be resumed")
        except (InputError, ModelError, StoreError, ResourceError, TrainingDiverged, ValueError, OSError) as error:
            return self._state(FAILED, str(error))
        except Exception as error:  # such as GPU memory that runs out: told like the others, and traced
            traceback.print_exc()
            return self._state(FAILED, f"{type(error).__name__}: {error}")

    def _run(self) -> str:
        # 1. Check the request again: it may be resumed on another day
        self._state(PREPARING, "checking the request")
        if not self._folder.state().iterations:
            check_request(self._request, self._store)
        parent = self._folder.state().parent or self._store.read().active
        self._folder.update(parent=parent)
        device = _prepare_device(self._request)
        network, config = load_model(self._store.folder(parent), device)

        # 2. Target and source frames on disk
        settings = resolve_settings(self._request, config, 1000, device.type == "cuda")
        target, source = self._prepare_data(config, settings)

        # 3. How long to train
        iterations = self._decide_iterations(parent, config, target, source, device)
        settings = resolve_settings(self._request, config, iterations, device.type == "cuda")
        data = JobData(source, target, config, settings.view)

        # 4. Train, from the last checkpoint if there is one
        self._state(TRAINING, f"training on {len(target.training)} frames for {iterations} iterations")
        trainer = SelfTraining(network, config.label_set, data, settings.training)
        seconds = self._train(trainer, settings)

        # 5. Compare with the running version on held-out frames
        self._state(EVALUATING, "comparing the new version with the running one")
        running = self._store.read()
        evidence = gate_run.examine(
            trainer, config, running.folder, data.held_out, source, target, settings, device, self._check_stop
        )

        # 6. Write the version, and make it the active one if it passed
        version = self._write_version(evidence, config, parent, seconds, iterations, target)
        page = report.write_report(
            self._folder.path / "report", self._summary(version, running.active, target), evidence, config.label_set
        )
        return self._finish(version, running.active, evidence.result, page)

    # ---- stages ----

    def _prepare_data(self, config: ModelConfig, settings: JobSettings) -> tuple[TargetFrames, SourceFrames]:
        self._state(PREPARING, "reading the recordings")
        target = collect_frames(
            self._request.target,
            self._request.preprocessing,
            config,
            settings.limits,
            self._folder.path / "target",
            lambda read, kept: self._report_count({"event": "frames", "read": read, "kept": kept}, read),
        )
        self._state(PREPARING, "preparing the labelled source")
        name = self._request.source
        # Rendered streets serve all jobs of this store; a folder's count is the job's own.
        folder = self._store.root / "sources" / (name or "replay") if name in SIMULATED_STREETS else None
        source = open_source(
            name,
            config.label_set,
            folder or self._folder.path / "source",
            lambda done, total: self._report_count({"event": "source", "done": done, "total": total}, done),
        )
        return target, source

    def _decide_iterations(
        self, parent: str, config: ModelConfig, target: TargetFrames, source: SourceFrames, device: torch.device
    ) -> int:
        """The requested number; with a time budget alone, as many as fit by the time a few trial steps take."""
        decided = self._request.iterations or self._folder.state().iterations
        if not decided:
            self._state(PREPARING, "measuring the time of an iteration")
            settings = resolve_settings(self._request, config, 1000, device.type == "cuda")
            network = load_model(self._store.folder(parent), device)[0]
            trial = SelfTraining(
                network, config.label_set, JobData(source, target, config, settings.view), settings.training
            )
            seconds = []
            for number in range(_PROBES):
                self._check_stop()
                started = time.monotonic()
                trial.step(number)
                seconds.append(time.monotonic() - started)
            decided = max(1, int(self._request.time_budget_s / min(seconds[1:])))
        self._folder.update(iterations=decided)
        return decided

    def _train(self, trainer: SelfTraining, settings: JobSettings) -> float:
        """Run the iterations; gives seconds of training.

        Raises:
            JobCanceled: after a checkpoint.
        """
        iterations = settings.training.iterations
        stage = StageConfig(
            STAGE_NAME,
            iterations,
            settings.training.optimizer,
            settings.training.seed,
            settings.checkpoint_every,
            max(1, iterations // _LOG_ROWS),
        )
        clock = TrainingClock(self._folder.state().progress.get("elapsed", 0.0), self._request.time_budget_s)
        canceled = False

        def on_iteration(done: int, statistics: StepStatistics) -> bool:
            nonlocal canceled
            event = clock.progress(done, iterations, statistics)
            self._emit(event)
            canceled = self._should_stop()
            going_on = not canceled and not clock.is_up
            if not going_on or done % settings.checkpoint_every == 0 or done == iterations:
                self._folder.update(progress=event)
            return going_on

        _drop_damaged_checkpoint(self._folder.path / f"{STAGE_NAME}.pt")
        seconds = run_iterations(stage, trainer, self._folder.path, Console(file=io.StringIO()), on_iteration)
        if canceled:
            raise JobCanceled
        return seconds

    def _write_version(
        self,
        evidence: gate_run.Evidence,
        config: ModelConfig,
        parent: str,
        seconds: float,
        iterations: int,
        target: TargetFrames,
    ) -> str:
        self._check_stop()
        job_id, modality = self._folder.job_id, self._request.target.modality
        # A job that was killed right after this stage has its version already.
        for version in self._store.read().versions[1:]:
            if self._store.info(version).job_id == job_id:
                return version

        def info(version: str) -> VersionInfo:
            training = {
                "iterations": iterations,
                "seconds": round(seconds, 1),
                "source": self._request.source or "replay",
                "bags": list(self._request.target.bags),
                "target_frames": len(target),
                "options": dict(self._request.options),
            }
            return VersionInfo(version, parent, job_id, modality, evidence.result.to_dict(), training)

        def save(folder: Path) -> None:
            new_config = replace(config, name=f"{config.name.split('@')[0]}@{job_id}", modality=modality)
            save_model(folder, evidence.network, new_config, torch.float16)

        return self._store.add(save, info)

    def _finish(self, version: str, running: str, result: GateResult, page: Path) -> str:
        self._folder.update(new_version=version, report=str(page))
        # What only training needs; the report and the answers stay.
        shutil.rmtree(self._folder.path / "target", ignore_errors=True)
        (self._folder.path / f"{STAGE_NAME}.pt").unlink(missing_ok=True)
        prune_jobs(self._store, self._request.keep)
        if not result.passed:
            return self._state(NOT_ACTIVATED, f"{version} did not pass the gate, {running} stays: {result.reason}")
        self._store.activate(version)
        return self._state(ACTIVATED, f"{version} passed the gate and is active in place of {running}")

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
            self._folder.path / f"{STAGE_NAME}.csv",
        )

    def _state(self, state: str, message: str) -> str:
        """Tell and keep a state; a disk that is full must not hide the first error."""
        kept = replace(self._folder.state(), state=state, message=message)
        try:
            self._folder.write_state(kept)
        except OSError as error:
            print(f"the job's state cannot be kept: {error}", file=sys.stderr)
        told = {"state": state, "message": message, "new_version": kept.new_version, "report": kept.report}
        self._emit({"event": "state", **told})
        return state

    def _report_count(self, event: dict[str, Any], count: int) -> None:
        self._check_stop()
        if count % 10 == 0:
            self._emit(event)

    def _check_stop(self) -> None:
        if self._should_stop():
            raise JobCanceled


def _prepare_device(request: JobRequest) -> torch.device:
    if request.threads:
        torch.set_num_threads(request.threads)
    device = choose_device(request.device)
    if device.type == "cuda" and request.gpu_memory_share < 1:
        torch.cuda.set_per_process_memory_fraction(request.gpu_memory_share, device)
    return device


def _drop_damaged_checkpoint(path: Path) -> None:
    """A checkpoint that a power cut left half-written is no reason never to finish: training begins anew."""
    if path.exists():
        try:
            torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except Exception as error:  # torch raises errors of many kinds on damaged files
            print(f"{path} is damaged and left out: {error}", file=sys.stderr)
            path.unlink()


def main(arguments: list[str] | None = None) -> int:
    """Entry point; exit status 1 only for a failed job."""
    parser = argparse.ArgumentParser(prog="madm_model.adaptation.job", description="Runs one adaptation job.")
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
        emit({"event": "state", "state": FAILED, "message": str(error)})
        return 1
    os.nice(job.niceness)
    return int(job.run() == FAILED)


if __name__ == "__main__":
    sys.exit(main())
