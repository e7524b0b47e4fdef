# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm segment` of several recordings: who runs them, and what is told of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from madm_model.bulk.machine import run_on_machine
from madm_model.bulk.ray_cluster import run_on_ray
from madm_model.bulk.task import Outcome, SegmentOptions, SegmentTask, is_done, make_tasks, the_one_run
from madm_model.cli.errors import fail
from madm_model.io.frames import InputError

_COPIES = 3
"""A process's memory in copies of the weights, beside `_PROCESS_BYTES`."""
_PROCESS_BYTES = 1_000_000_000


def segment_many(
    console: Console, paths: Sequence[Path], out: Path, options: SegmentOptions, workers: int, ray: str
) -> None:
    """Segment each recording into OUT/NAME; those that are done are skipped, failed ones are named, the rest go on.

    Args:
        console: what became of each is printed there.
        paths: the recordings.
        out: folder of the results.
        options: what they have in common.
        workers: processes; 0: one for each GPU or the one that is named, or each core as far as memory allows.
        ray: address of a Ray cluster; empty: this machine.

    Raises:
        typer.Exit: one failed, once all have ended.
        InputError: nothing could be started.
    """
    # The cluster may have another working directory.
    tasks = make_tasks([path.absolute() for path in paths], out.absolute(), options)
    failed: list[Outcome] = []
    left: list[SegmentTask] = []
    with the_one_run(out), Progress(console=console) as progress:
        bar = progress.add_task("recordings", total=len(tasks))

        def tell(outcome: Outcome) -> None:
            name = outcome.task.out.name
            for reason, count in outcome.left_out.items():
                console.print(f"{name}: left out {count} frame{'s' * (count > 1)}: {reason}", markup=False)
            if outcome.failure:
                failed.append(outcome)
            if outcome.frames:
                console.print(f"{name}: {outcome.frames} frames segmented", markup=False)
            progress.advance(bar)

        for task in tasks:
            try:
                done = is_done(task)
            except InputError as error:
                tell(Outcome(task, failure=str(error)))
                continue
            if done:
                progress.advance(bar)
            else:
                left.append(task)
        skipped = len(tasks) - len(left) - len(failed)
        if left:
            devices = _devices(options, workers, len(left))
            threads = max(1, (os.cpu_count() or 1) // len(devices))
            for outcome in run_on_ray(left, ray) if ray else run_on_machine(left, devices, threads):
                tell(outcome)
    before = f", {skipped} were done before" if skipped else ""
    made = f"{len(tasks) - skipped - len(failed)} of {len(tasks)} recordings segmented into {out}{before}"
    console.print(made, markup=False, soft_wrap=True)
    if ends := [fail(_named(outcome)) for outcome in failed]:
        raise ends[-1]


def _named(outcome: Outcome) -> str:
    """Why a recording failed; most reasons begin with its path."""
    path = str(outcome.task.recording)
    return outcome.failure if outcome.failure.startswith(path) else f"{path}: {outcome.failure}"


def _devices(options: SegmentOptions, workers: int, tasks: int) -> list[str]:
    """The device of each process of this machine."""
    import torch

    from madm_model.jobs.room import available_memory

    gpus = torch.cuda.device_count() if options.device in ("auto", "cuda") else 0
    if gpus:
        return [f"cuda:{number % gpus}" for number in range(workers or min(gpus, tasks))]
    if options.device not in ("auto", "cpu"):  # one accelerator, and what fits into it is not known
        return [options.device] * (workers or 1)
    weights = sum(path.stat().st_size for path in options.model.iterdir() if path.is_file())
    room = available_memory() // (_PROCESS_BYTES + _COPIES * weights)
    return [options.device] * (workers or max(1, min(os.cpu_count() or 1, tasks, room)))
