# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One training stage: a resumable loop around a step.

Every random number of an iteration comes from `(seed, iteration)`, so a stage that was stopped and
resumed computes what the unbroken one would have: no generator state has to be saved.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from rich.console import Console
from torch import nn

from madm_model.training.checkpoints import Checkpoints
from madm_model.training.optimizer import OptimizerConfig, build_optimizer, clip_gradient, set_learning_rate
from madm_model.training.processes import ALONE, Processes


@dataclass(frozen=True)
class StageConfig:
    """Length and rhythm of one stage."""

    name: str
    """Names the checkpoint and log files."""
    iterations: int
    """Optimiser steps."""
    optimizer: OptimizerConfig
    """Learning rate, decay, clipping and schedule."""
    seed: int
    """Seeds batches, noise and augmentation."""
    checkpoint_every: int = 250
    """Iterations between two checkpoints."""
    log_every: int = 50
    """Iterations between two lines of the log."""

    def __post_init__(self) -> None:
        if min(self.iterations, self.checkpoint_every, self.log_every) < 1:
            raise ValueError("iterations, checkpoint_every and log_every must be at least 1")


class Statistics(Protocol):
    """What a step reports."""

    def row(self) -> dict[str, float]:
        """One line of the log."""


StatisticsT = TypeVar("StatisticsT", bound=Statistics, covariant=True)


class Trainee(Protocol[StatisticsT]):
    """What a loop trains."""

    def step(self, iteration: int) -> StatisticsT:
        """One optimiser step; iterations count from 0."""

    def state_dict(self) -> dict[str, Any]:
        """All that steps change, as tensors and plain data."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""


def run_iterations(
    config: StageConfig,
    trainee: Trainee[StatisticsT],
    work_dir: Path,
    console: Console,
    on_iteration: Callable[[int, StatisticsT], bool] | None = None,
    processes: Processes = ALONE,
) -> float:
    """Step until the stage's last iteration, from its last checkpoint if there is one.

    Args:
        config: length, rhythm and seed.
        trainee: what is trained.
        work_dir: gets checkpoints (`Checkpoints`) and `NAME.csv` (one row per logged iteration).
        console: prints progress.
        on_iteration: called after every iteration with the number done so far and its statistics; if it gives
            False, the stage stops there with a checkpoint and can be resumed.
        processes: that train together, each with a trainee of its own in the same state. All read the checkpoint, the
            first one writes, and if one stops all do.

    Returns:
        seconds of training, earlier runs of the same stage included.
    """
    checkpoints, log = Checkpoints(work_dir, config.name), work_dir / f"{config.name}.csv"
    first, seconds_before = 0, 0.0
    with processes.first_before_others():  # it removes damaged ones
        state = checkpoints.load()
    if state:
        trainee.load_state_dict(state)
        first, seconds_before = state["iteration"], state["seconds"]
        console.print(f"{config.name}: resuming at iteration {first} of {config.iterations}")
    if processes.is_first:
        _cut_log(log, first)

    started = time.monotonic()
    for iteration in range(first, config.iterations):
        torch.manual_seed(config.seed * 1_000_003 + iteration)
        statistics = trainee.step(iteration)
        done = iteration + 1
        seconds = seconds_before + time.monotonic() - started
        stop = processes.any(on_iteration is not None and not on_iteration(done, statistics))
        if processes.is_first and (stop or done % config.log_every == 0 or done == config.iterations):
            row = {"iteration": done, "seconds": round(seconds, 1)}
            row |= {name: float(f"{value:.5g}") for name, value in statistics.row().items()}
            _append_log(log, row)
            console.print(f"{config.name} " + " ".join(f"{key}={value}" for key, value in row.items()))
        if processes.is_first and (stop or done % config.checkpoint_every == 0 or done == config.iterations):
            checkpoints.save(trainee.state_dict() | {"iteration": done, "seconds": seconds})
        if stop:
            console.print(f"{config.name}: stopped at iteration {done} of {config.iterations}")
            break
    return seconds_before + time.monotonic() - started


Step = Callable[[int], dict[str, torch.Tensor]]
"""Computes the named losses of an iteration; their sum is minimised."""


def run_stage(
    config: StageConfig,
    modules: nn.Module,
    step: Step,
    work_dir: Path,
    console: Console,
    goes_on: Callable[[int], bool] = lambda _done: True,
) -> float:
    """Train the trainable parameters of `modules` until the stage's last iteration.

    Args:
        config: length, schedule and seed.
        modules: what is saved in checkpoints; parameters with `requires_grad` are trained.
        step: computes the losses of an iteration.
        work_dir: gets checkpoints and `NAME.csv` (losses, gradient norm, seconds).
        console: prints progress.
        goes_on: called after every iteration with the number done so far; False stops with a checkpoint.

    Returns:
        seconds of training, earlier runs of the same stage included.
    """
    trainee = _Minimisation(config, modules, step)
    return run_iterations(config, trainee, work_dir, console, lambda done, _statistics: goes_on(done))


@dataclass
class _LossStatistics:
    losses: dict[str, float]
    gradient_norm: float

    def row(self) -> dict[str, float]:
        return {"gradient_norm": self.gradient_norm, **self.losses}


class _Minimisation:
    """Minimises the sum of a step's losses."""

    def __init__(self, config: StageConfig, modules: nn.Module, step: Step) -> None:
        self._config, self._modules, self._step = config, modules, step
        self._optimizer = build_optimizer(modules, config.optimizer)

    def step(self, iteration: int) -> _LossStatistics:
        set_learning_rate(self._optimizer, iteration, self._config.iterations, self._config.optimizer)
        losses = self._step(iteration)
        self._optimizer.zero_grad(set_to_none=True)
        sum(losses.values()).backward()
        gradient_norm = clip_gradient(self._optimizer, self._config.optimizer)
        self._optimizer.step()
        return _LossStatistics({name: loss.item() for name, loss in losses.items()}, gradient_norm)

    def state_dict(self) -> dict[str, Any]:
        return {"modules": self._modules.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._modules.load_state_dict(state["modules"])
        self._optimizer.load_state_dict(state["optimizer"])


def _cut_log(path: Path, iterations: int) -> None:
    """Keep the whole rows up to a checkpoint: what came after it is computed again, what a full disk cut is no row."""
    lines = path.read_text().splitlines(keepends=True) if iterations and path.exists() else []
    if not lines or not lines[0].endswith("\n"):
        path.unlink(missing_ok=True)
        return
    whole = (line for line in lines[1:] if line.endswith("\n") and line.count(",") == lines[0].count(","))
    path.write_text("".join([lines[0], *(line for line in whole if int(line.split(",")[0]) <= iterations)]))


def _append_log(path: Path, row: dict[str, float]) -> None:
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)
