# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The training of a job: from its last checkpoint to the last iteration, the end of its time, or a cancellation."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from madm_model.adaptation.self_training import SelfTraining
from madm_model.adaptation.step_statistics import StepStatistics
from madm_model.jobs.earlier_states import EarlierStates
from madm_model.jobs.events import JobCanceled, JobEvents
from madm_model.jobs.request import JobFolder
from madm_model.jobs.settings import JobSettings
from madm_model.jobs.training_clock import TrainingClock
from madm_model.training.checkpoints import Checkpoints
from madm_model.training.config import OptimizerConfig
from madm_model.training.stage import StageConfig, Trainee, run_iterations

LOG_FILE = "training.csv"
STUDENT_STAGE = "student"
STUDENT_LOG_FILE = f"{STUDENT_STAGE}.csv"
_STAGE_NAME = "training"
_PROBES = 3
_LOG_ROWS = 400


@dataclass(frozen=True)
class Trained:
    """What a job has trained, earlier runs included, of which only that counts which a checkpoint has kept."""

    iterations: int = 0
    """Optimiser steps."""
    seconds: float = 0.0
    """Time they took."""


def iterations_in(time_budget_s: float, trial: Trainee[StepStatistics], events: JobEvents) -> int:
    """How many iterations fit into a time budget, by the time a few trial steps take; at least 1.

    Args:
        time_budget_s: seconds of training.
        trial: a training of its own, changed by the steps.
        events: asked whether to stop.

    Raises:
        JobCanceled: it is to stop.
    """
    seconds = []
    for number in range(_PROBES):
        events.check_stop()
        started = time.monotonic()
        trial.step(number)
        seconds.append(time.monotonic() - started)
    return max(1, int(time_budget_s / min(seconds[1:])))


def train(
    trainer: SelfTraining,
    settings: JobSettings,
    time_budget_s: float,
    folder: JobFolder,
    events: JobEvents,
    earlier: EarlierStates,
) -> Trained:
    """Run the iterations of the adaptation, and keep states on the way; see `run_stage`."""
    training = settings.training
    stage = job_stage(_STAGE_NAME, training.iterations, training.optimizer, training.seed, settings.checkpoint_every)
    return run_stage(trainer, stage, time_budget_s, folder, events, lambda done: earlier.keep(done, trainer))


def job_stage(name: str, iterations: int, optimizer: OptimizerConfig, seed: int, checkpoint_every: int) -> StageConfig:
    """A stage whose log has a few hundred rows, however long it is."""
    return StageConfig(name, iterations, optimizer, seed, checkpoint_every, max(1, iterations // _LOG_ROWS))


def run_stage(
    trainee: Trainee[StepStatistics],
    stage: StageConfig,
    time_budget_s: float,
    folder: JobFolder,
    events: JobEvents,
    on_step: Callable[[int], None] = lambda done: None,
) -> Trained:
    """Run the iterations of a stage, from the last checkpoint if there is one.

    Args:
        trainee: what is trained.
        stage: how long and how often a checkpoint is written.
        time_budget_s: seconds of training at most, earlier runs included; 0 for no limit.
        folder: gets checkpoint, log and progress.
        events: told every iteration.
        on_step: called after every iteration with the number done.

    Raises:
        JobCanceled: after a checkpoint.
    """
    iterations = stage.iterations
    state = Checkpoints(folder.path, stage.name).load(mmap=True)
    before = Trained(state["iteration"], state["seconds"]) if state else Trained()
    del state
    clock = TrainingClock(before.seconds, time_budget_s)
    iterations_done, canceled = before.iterations, False

    def on_iteration(done: int, statistics: StepStatistics) -> bool:
        nonlocal iterations_done, canceled
        iterations_done = done
        on_step(done)
        event = clock.progress(done, iterations, statistics)
        events.emit(event)
        canceled = events.should_stop()
        going_on = not canceled and not clock.is_up
        if not going_on or done % stage.checkpoint_every == 0 or done == iterations:
            folder.update(progress=event)
        return going_on

    seconds = run_iterations(stage, trainee, folder.path, Console(file=io.StringIO()), on_iteration)
    if canceled:
        raise JobCanceled
    return Trained(iterations_done, seconds)


def drop_checkpoints(folder: JobFolder) -> None:
    """Remove what only an interrupted training needs."""
    for name in (_STAGE_NAME, STUDENT_STAGE):
        Checkpoints(folder.path, name).drop()
