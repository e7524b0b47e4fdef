# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One sitting of a benchmark: its missing runs one after another until all are done or the time is up; then tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from madm_model.adaptation.self_training import TrainingDiverged
from madm_model.adaptation.step_statistics import StepStatistics
from madm_model.benchmark.config import STREET_THERMAL, BenchmarkConfig
from madm_model.benchmark.document import Report, write_section
from madm_model.benchmark.model_card import write_card
from madm_model.benchmark.plan import ANY_MODALITY, Run, plan
from madm_model.benchmark.progress import BenchmarkProgress, Stopwatch, duration
from madm_model.benchmark.simulated_streets import SimulatedStreets
from madm_model.benchmark.street_thermal import StreetThermal
from madm_model.benchmark.summary import Summary
from madm_model.benchmark.workbench import Task, Workbench
from madm_model.model_config import ModelConfig

_TELL_EVERY_S = 60.0


def open_task(config: BenchmarkConfig, model: ModelConfig, work_dir: Path, data: Path | None) -> Task:
    """The frames and scores of a benchmark.

    Raises:
        ValueError: a folder of frames is needed but not given, or given but not used; or the frames do not fit.
        InputError: the folder does not hold what it should.
    """
    if config.task == STREET_THERMAL:
        if data is None:
            raise ValueError("this benchmark needs --data with the folder street_thermal, which is no part of MADM")
        return StreetThermal(config, model, work_dir, data)
    if data is not None:
        raise ValueError("this benchmark simulates its frames: leave out --data")
    return SimulatedStreets(config, model, work_dir)


def write_tables(config: BenchmarkConfig, bench: Workbench, task: Task, name: str, command: str, out: Path) -> None:
    """Write a benchmark's section of a document from the results there are, and the cards of their models.

    Runs that are not done are marked as missing.
    """
    runs = plan(config)
    results = [result for run in runs if (result := bench.result(run)) is not None]
    report = Report(
        name,
        command,
        config,
        Summary(runs, results),
        bench.unadapted(),
        bench.base_id,
        task.headline,
        task.primary,
        task.describe(),
        task.reference_name,
        task.reference,
    )
    write_section(report, out)
    for result in results:
        if result.run.modality != ANY_MODALITY:
            write_card(bench.model_folder(result.run), result, report)


def work_off(
    config: BenchmarkConfig,
    bench: Workbench,
    task: Task,
    runs: Sequence[Run],
    console: Console,
    is_over: Callable[[], bool],
) -> list[Run]:
    """Do the runs that are missing, in their order.

    Args:
        config: of the benchmark.
        bench: its work directory.
        task: frames and scores.
        runs: what to do; finished ones are passed over.
        console: prints how far it is and how long the rest takes.
        is_over: asked after every iteration; True stops there with a checkpoint.

    Returns:
        runs that are not done yet, or that diverged.
    """
    progress, clock = BenchmarkProgress(config.iterations), Stopwatch()
    missing = []
    for run in runs:
        result = bench.result(run)
        if result is None:
            missing.append(run)
        else:
            progress.measure(run.row, config.iterations, result.wall_seconds)
    console.print(f"{len(runs) - len(missing)} of {len(runs)} runs are done")
    if missing and not is_over():
        bench.score_unadapted(task)

    left = list(missing)
    for run in missing:
        if is_over():
            break
        number = runs.index(run) + 1
        told: Stopwatch | None = None
        first = True

        def on_iteration(done: int, _statistics: StepStatistics, run: Run = run, number: int = number) -> bool:
            nonlocal told, first
            lap = clock.lap()
            if first:  # not measured: loading the model is part of this lap
                first = False
                return not is_over()
            progress.measure(run.row, 1, lap)
            if told is None or told.total >= _TELL_EVERY_S:
                told = Stopwatch()
                others = [(other, bench.done_iterations(other)) for other in left if other != run]
                remaining = progress.remaining_s([(run, done), *others])
                each = progress.seconds_per_iteration(run.row)
                console.print(
                    f"run {number} of {len(runs)}, {run.name}: iteration {done} of {config.iterations}, "
                    f"{each:.2f} s each with scoring; about {duration(remaining or 0)} left",
                    soft_wrap=True,
                )
            return not is_over()

        try:
            finished = bench.execute(run, task, Console(quiet=True), on_iteration)
        except TrainingDiverged as error:
            console.print(f"{run.name} diverged: {error}", soft_wrap=True)
            continue
        if finished:
            left.remove(run)
            result = bench.result(run)
            assert result is not None
            scores = ", ".join(f"{name} {values[task.primary]:.1f}" for name, values in result.scores.items())
            console.print(
                f"{run.name}: {task.primary} {scores}, {duration(result.seconds)} of training", soft_wrap=True
            )
    return left
