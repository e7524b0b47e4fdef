# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm bench`: how fast this machine segments and trains, and where time and memory go."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from madm_model.cli.options import read_options, read_size

if TYPE_CHECKING:
    import torch
    from rich.console import Console
    from rich.table import Table

    from madm_model.speed.inference import Speed
    from madm_model.speed.step_cost import StepCost

SIZES = {"tiny": ((192, 256), (512, 512)), "sd14": ((512, 512),)}
"""Input sizes, height and width, at which each architecture is timed."""
_RUNS, _RUNS_OF_SD14_ON_A_CPU = 20, 2


def bench(
    architecture: Annotated[str, typer.Option(help="tiny, sd14, or auto: tiny, and sd14 where a GPU is.")] = "auto",
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32, float16, bfloat16, or auto.")] = "auto",
    runtime: Annotated[
        list[str] | None, typer.Option(help="torch, compiled, openvino or onnx; several times; default: all there are.")
    ] = None,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH in place of the usual sizes.")] = "",
    runs: Annotated[
        int, typer.Option(help=f"Counted runs of each; 0: {_RUNS}, of sd14 on a CPU {_RUNS_OF_SD14_ON_A_CPU}.", min=0)
    ] = 0,
    node: Annotated[bool, typer.Option(help="Also measure the ROS node's own overhead, where ROS is.")] = True,
    training: Annotated[bool, typer.Option(help="Also measure an iteration of adaptation.")] = False,
    gpu_table: Annotated[
        bool, typer.Option("--gpu-table", help="Only sd14 on the GPU, for docs/benchmarks.md; under 8 minutes.")
    ] = False,
    option: Annotated[
        list[str] | None, typer.Option(help="A setting of that training as NAME=VALUE, for example lora=off.")
    ] = None,
) -> None:
    """Print frames a second in every runtime and the split of latency, with students beside, all of random weights."""
    from rich.console import Console

    from madm_model.cli.errors import clear_errors

    console = Console()
    with clear_errors():
        import torch

        from madm_model.architecture import ARCHITECTURES
        from madm_model.machine import describe_machine
        from madm_model.placement import choose_device
        from madm_model.runtimes.opening import installed, runtime_named
        from madm_model.speed.inference import contenders, measure
        from madm_model.speed.step_cost import measure_step
        from madm_model.students.architecture import SEGFORMER_B0, SWIFTNET

        chosen = choose_device(device)
        if gpu_table:
            _print_gpu_table(console, chosen)
            return
        names = [architecture] if architecture != "auto" else ["tiny", "sd14"] if chosen.type == "cuda" else ["tiny"]
        if unknown := [name for name in names if name not in SIZES]:
            raise ValueError(f"unknown architecture '{unknown[0]}': use auto, {', '.join(SIZES)}")
        runtimes = [runtime_named(name) for name in runtime or ("torch", *installed(chosen))]
        settings = read_options(option or [])
        only = read_size(size)
        console.print(describe_machine(chosen))
        costs = []
        for name in names if training else ():  # first: a wrong setting is told at once
            costs.append(measure_step(ARCHITECTURES[name], SIZES[name][0], chosen, options=settings))
            if chosen.type == "cuda":
                torch.cuda.empty_cache()
        speeds = []
        for name in names:
            few = name == "sd14" and chosen.type == "cpu"
            counted = runs or (_RUNS_OF_SD14_ON_A_CPU if few else _RUNS)
            for height_width in [only] if only else SIZES[name]:
                made = [
                    one
                    for sizes in (ARCHITECTURES[name], SWIFTNET, SEGFORMER_B0)
                    for one in contenders(sizes, height_width, device, dtype, runtimes, _print_note(console))
                ]
                speeds += measure(made, height_width, counted)
                del made
                if chosen.type == "cuda":
                    torch.cuda.empty_cache()
        console.print(speed_table(speeds))
        if split := [speed for speed in speeds if speed.stages]:
            console.print(_split_table(split))
        if costs:
            console.print(_step_table(costs))
    if node and find_spec("rclpy"):
        _print_node_overhead(console)


def _print_note(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(text, style="yellow", markup=False, soft_wrap=True)


def _print_gpu_table(console: Console, device: torch.device) -> None:
    from rich.table import Table

    from madm_model.machine import describe_machine
    from madm_model.speed.gpu_table import measure_gpu

    console.print(describe_machine(device))
    for title, columns, rows in measure_gpu(device, _print_note(console)):
        table = Table(*columns, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)


def speed_table(speeds: list[Speed]) -> Table:
    """Each network in each runtime; with a column of GPU memory where one was measured."""
    from rich.table import Column, Table

    on_gpu = any(speed.peak_gpu_bytes is not None for speed in speeds)
    columns = ["network", "runtime", "size", "ms", "fastest", "fps", "first s", *["GPU MiB"] * on_gpu]
    title = f"one image: median and fastest ms, frames a second, seconds of the first{', peak GPU memory' * on_gpu}"
    table = Table(*(Column(name, overflow="fold") for name in columns), title=title, title_justify="left")
    for speed in speeds:
        memory = "-" if speed.peak_gpu_bytes is None else f"{speed.peak_gpu_bytes / 2**20:.0f}"
        table.add_row(
            speed.name,
            speed.runtime,
            f"{speed.size[0]}x{speed.size[1]}",
            f"{speed.milliseconds:.1f}",
            f"{speed.fastest_milliseconds:.1f}",
            f"{1000 / speed.milliseconds:.1f}",
            f"{speed.first_seconds:.1f}",
            *[memory] * on_gpu,
        )
    return table


def _step_table(costs: list[StepCost]) -> Table:
    from rich.table import Table

    title = "one iteration of adaptation, batch of source and of target"
    columns = ("network", "trained", "batch", "s (median)", "waiting for data", "peak GPU MiB", "reserved GPU MiB")
    table = Table(*columns, title=title, title_justify="left")
    for cost in costs:
        memory = (cost.peak_gpu_bytes, cost.reserved_gpu_bytes)
        table.add_row(
            cost.name,
            cost.method,
            "x".join(str(side) for side in cost.batch),
            f"{cost.seconds:.2f}",
            f"{cost.waiting_share:.1%} ({cost.workers} workers)",
            *("-" if count is None else f"{count / 2**20:.0f}" for count in memory),
        )
    return table


def _split_table(speeds: list[Speed]) -> Table:
    from rich.table import Table

    table = Table("network", "size", *speeds[0].stages, title="where the time goes, ms (median)", title_justify="left")
    for speed in speeds:
        table.add_row(speed.name, f"{speed.size[0]}x{speed.size[1]}", *(f"{ms:.1f}" for ms in speed.stages.values()))
    return table


def _print_node_overhead(console: Console) -> None:
    from madm_model.cli.errors import fail

    # A process of its own: this package imports no ROS.
    run = subprocess.run([sys.executable, "-m", "madm_ros.tools.node_bench"], capture_output=True, text=True)
    if run.returncode:
        raise fail(f"the node's overhead could not be measured: {run.stderr.strip()[-400:]}")
    result = json.loads(run.stdout.strip().splitlines()[-1])
    console.print("node, message in to message out without inference: " + json.dumps(result))
