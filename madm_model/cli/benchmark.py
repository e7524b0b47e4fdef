# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm benchmark`: the tables of docs/benchmarks.md, resumable; `score`: one model; and tables of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from madm_model.cli.benchmark_gain import gain
from madm_model.cli.benchmark_probe import probe


class _RunsByDefault(TyperGroup):
    """`madm benchmark CONFIG` is short for `madm benchmark run CONFIG`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the name of the command in front where there is none."""
        if args and args[0] not in (*self.commands, "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


benchmark = typer.Typer(
    cls=_RunsByDefault,
    help="Measure what adaptation gains: `madm benchmark CONFIG.yaml`; or score one model on frames with boxes.",
    no_args_is_help=True,
)

benchmark.command("probe")(probe)
benchmark.command("gain")(gain)


@benchmark.command("run")
def run(
    config: Annotated[Path, typer.Argument(help="What to compare, for example config/benchmark/simulator.yaml.")],
    data: Annotated[Path | None, typer.Option(help="Folder street_thermal; needed by that benchmark alone.")] = None,
    work_dir: Annotated[
        Path | None, typer.Option(help="Runs and their results; goes on from it. Default: runs/benchmark/NAME.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Document whose section of this benchmark is written.")] = Path(
        "docs/benchmarks.md"
    ),
    only: Annotated[
        list[str] | None, typer.Option(help="Do only runs whose name contains this; may be repeated.")
    ] = None,
    max_minutes: Annotated[
        float, typer.Option(help="Stop after that time, with a checkpoint; 0: no limit.", min=0)
    ] = 0.0,
    tables_only: Annotated[bool, typer.Option(help="Train nothing: write the tables from what is there.")] = False,
    list_runs: Annotated[bool, typer.Option("--list", help="Name the runs and what is done of each, no more.")] = False,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: PyTorch's choice.", min=0)] = 0,
) -> None:
    """Train and score the rows of a benchmark, or go on where it stopped, and write its tables."""
    import signal

    from rich.console import Console

    from madm_model.cli.errors import clear_errors

    console = Console()
    with clear_errors():
        import torch

        from madm_model.benchmark.config import load_config
        from madm_model.benchmark.plan import plan, select
        from madm_model.benchmark.progress import Stopwatch
        from madm_model.benchmark.session import open_task, work_off, write_tables
        from madm_model.benchmark.workbench import Workbench
        from madm_model.placement import choose_device

        settings = load_config(config)
        runs = plan(settings)
        chosen = select(runs, only or [])
        if threads:
            torch.set_num_threads(threads)
        folder = work_dir or Path("runs/benchmark") / config.stem
        bench = Workbench(settings, folder, choose_device(device))
        if list_runs:
            for run in chosen:
                console.print(f"{run.name}: {bench.done_iterations(run)} of {settings.iterations}", soft_wrap=True)
            return

        task = open_task(settings, bench.model, folder, data)
        if not tables_only:
            stopped, clock = False, Stopwatch()

            def stop(*_: object) -> None:
                nonlocal stopped
                stopped = True

            def is_over() -> bool:
                return stopped or (max_minutes > 0 and clock.total >= 60 * max_minutes)

            previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                left = work_off(settings, bench, task, chosen, console, is_over)
            finally:
                for number, handler in previous.items():
                    signal.signal(number, handler)
            if left:
                console.print(f"{len(left)} runs are not done: the same command goes on with them")
        options = f" --data {data.name}" if data else ""
        write_tables(settings, bench, task, config.stem, f"madm benchmark {config}{options}", out)
        console.print(f"tables: {out}", soft_wrap=True, markup=False)


@benchmark.command("gate")
def gate(
    config: Annotated[Path, typer.Argument(help="Which versions it is tried on, as config/benchmark/gate.yaml.")],
    work_dir: Annotated[
        Path | None,
        typer.Option(help="Streets, and what versions say; goes on from it. Default: runs/benchmark/NAME."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Document whose section of this table is written.")] = Path(
        "docs/adaptation.md"
    ),
    max_minutes: Annotated[float, typer.Option(help="Stop after that time; 0: no limit.", min=0)] = 0.0,
    tables_only: Annotated[bool, typer.Option(help="Make no version: judge those that are there.")] = False,
    choose: Annotated[
        bool, typer.Option(help="Also tell the limits that would be best on the pools of chooses_limits.")
    ] = False,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: PyTorch's choice.", min=0)] = 0,
) -> None:
    """How often the gate of a job passes a version that is truly worse, and refuses one that is better."""
    from rich.console import Console

    from madm_model.cli.errors import clear_errors, fail

    console = Console()
    with clear_errors():
        import torch

        from madm_model.benchmark.gate.config import load_gate_config
        from madm_model.benchmark.gate.table import judge, write_table
        from madm_model.benchmark.gate.verdicts import choose_limits, limits_in_words
        from madm_model.benchmark.gate.versions import VersionMaker
        from madm_model.benchmark.progress import Stopwatch
        from madm_model.placement import choose_device

        settings = load_gate_config(config)
        if threads:
            torch.set_num_threads(threads)
        folder = work_dir or Path("runs/benchmark") / config.stem
        maker, clock = VersionMaker(settings, folder, choose_device(device)), Stopwatch()

        def goes_on(made: str) -> bool:
            console.print(made, soft_wrap=True)
            return not max_minutes or clock.total < 60 * max_minutes

        if not tables_only and not maker.work_off(goes_on):
            console.print("not all versions are made: the same command goes on with them")
        trials = judge(settings, maker)
        if tables_only and not trials:
            raise fail(f"no version has been made in {folder}, so {out} stays as it is")
        if choose:
            pools = {pool.name for pool in settings.pools if pool.chooses_limits}
            chosen = choose_limits([trial for trial in trials if trial.pool in pools], settings.gate)
            console.print("limits: " + ", ".join(limits_in_words(chosen)), soft_wrap=True)
        write_table(settings, trials, f"madm benchmark gate {config}", out)
        console.print(f"table: {out}", soft_wrap=True, markup=False)


@benchmark.command("shift")
def shift(
    modality: Annotated[
        list[str] | None, typer.Option(help="thermal, depth or rgb; may be repeated; default: all.")
    ] = None,
    model: Annotated[str, typer.Option(help="Model of one modality; default: the embedded one.")] = "",
    known_streets: Annotated[int, typer.Option(help="Streets by day that the reference is made of.", min=4)] = 12,
    streets: Annotated[int, typer.Option(help="Streets of each condition.", min=1)] = 8,
    frames: Annotated[int, typer.Option(help="Frames of each street, 12 s apart.", min=1)] = 5,
    out: Annotated[Path | None, typer.Option(help="Document whose section of this table is written.")] = None,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: PyTorch's choice.", min=0)] = 0,
) -> None:
    """What a node's shift says by day, by night, in fog and through another lens, on simulated streets."""
    from rich.console import Console
    from rich.progress import Progress

    from madm_model.cli.errors import clear_errors, fail

    console = Console()
    with clear_errors():
        import torch

        from madm_model.benchmark.document import put_section
        from madm_model.benchmark.shift.conditions import MODALITIES
        from madm_model.benchmark.shift.table import as_markdown, count_frames, measure
        from madm_model.checkpoint.model_names import embedded_model
        from madm_model.segmenter import Segmenter

        chosen = modality or list(MODALITIES)
        if unknown := set(chosen) - set(MODALITIES):
            raise fail(f"modality '{min(unknown)}' cannot be measured: give one of {', '.join(MODALITIES)}")
        if model and len(chosen) != 1:
            raise fail("give the --modality of that --model")
        if threads:
            torch.set_num_threads(threads)
        rows = []
        with Progress(console=console, transient=True) as progress:
            for one in chosen:
                task = progress.add_task(one, total=count_frames(known_streets, streets, frames))
                segmenter = Segmenter.from_folder(model or embedded_model(one), device)
                rows += measure(
                    segmenter, one, known_streets, streets, frames, lambda task=task: progress.advance(task)
                )
                segmenter.close()
        options = "".join(f" --modality {one}" for one in modality or ()) + (f" --model {model}" if model else "")
        options += f" --known-streets {known_streets} --streets {streets} --frames {frames}"
        lines = as_markdown(rows, f"madm benchmark shift{options}", known_streets, frames)
        if out is not None:
            put_section(out, "shift", lines)
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


@benchmark.command("score")
def score(
    model: Annotated[str, typer.Argument(help="Model folder or version, student or not, or an embedded model.")],
    ir: Annotated[Path, typer.Option(help="Directory of infrared frames.")],
    boxes: Annotated[
        Path, typer.Option(help='JSON of the objects: {"frame.png": [{"class": "person", "xyxy": [x0, y0, x1, y1]}]}.')
    ],
    labels: Annotated[Path | None, typer.Option(help="Directory of label PNGs of some frames: gives mIoU (b).")] = None,
    source: Annotated[
        Path | None, typer.Option(help="Labelled RGB, a folder with images/ and labels/: gives mIoU (c).")
    ] = None,
    precision: Annotated[float, typer.Option(help="Precision at which recall is told, %.", min=1, max=100)] = 40.0,
    class_bias: Annotated[
        list[str] | None, typer.Option(help="CLASS=NATS, added to the score of a class; may come again.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for all scores, those of each class too.")] = None,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32, float16, bfloat16, or auto.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: PyTorch's choice.", min=0)] = 0,
) -> None:
    """Score a model on infrared frames with boxes, as the benchmark street_thermal does."""
    import json

    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from madm_model.cli.errors import clear_errors

    console = Console()
    with clear_errors():
        import torch

        from madm_model.benchmark.frame_scores import count_images, score_frames
        from madm_model.benchmark.street_thermal import BOX_CLASSES
        from madm_model.class_bias import class_bias_of
        from madm_model.segmenter import Segmenter

        if threads:
            torch.set_num_threads(threads)
        segmenter = Segmenter.from_folder(model, device, dtype)
        bias = class_bias_of(class_bias or [], segmenter.config.label_set)
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("scoring", total=count_images(ir, source))
            scores = score_frames(
                segmenter, ir, boxes, labels, source, precision, bias, on_frame=lambda: progress.advance(task)
            )
        if out is not None:
            out.write_text(json.dumps(scores, indent=2) + "\n")

    columns = ("recall", "precision", "F1", f"recall at precision {precision:g}")
    table = Table("class", *columns, title=f"{segmenter.config.name}, in %", title_justify="left")
    for name in BOX_CLASSES:
        values = (scores.get(f"{name} {column}") for column in columns)
        table.add_row(name, *("-" if value is None else f"{value:.1f}" for value in values))
    console.print(table)
    for name in (name for name in scores if name.startswith("mIoU")):
        console.print(f"{name}: {scores[name]:.1f}", highlight=False)
