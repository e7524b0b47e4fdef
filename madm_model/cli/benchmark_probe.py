# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm benchmark probe`: whether noise helps the teacher of a network that has learned to denoise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def probe(
    config: Annotated[Path, typer.Argument(help="What to train and score, as config/benchmark/probe.yaml.")],
    work_dir: Annotated[
        Path | None, typer.Option(help="Frames, checkpoints, results; goes on from it. Default: runs/benchmark/NAME.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Document whose section of this table is written.")] = Path(
        "docs/benchmarks.md"
    ),
    only: Annotated[
        list[str] | None,
        typer.Option(help="Do only self-trainings whose name (denoised-thermal) contains this; may be repeated."),
    ] = None,
    denoising_minutes: Annotated[
        float, typer.Option(help="End the denoising after that time, and score what was learned; 0: no limit.", min=0)
    ] = 0.0,
    minutes: Annotated[float, typer.Option(help="The same of every self-training; 0: no limit.", min=0)] = 0.0,
    frames_only: Annotated[bool, typer.Option("--frames-only", help="Render the frames, no more.")] = False,
    tables_only: Annotated[bool, typer.Option(help="Train nothing: write the tables from what is there.")] = False,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: PyTorch's choice.", min=0)] = 0,
) -> None:
    """Teach a network to denoise, self-train it, and tell whether its teacher labels better under noise."""
    import json

    from rich.console import Console

    from madm_model.cli.errors import clear_errors, fail

    console = Console()
    with clear_errors():
        import torch

        from madm_model.benchmark.probe.config import load_probe_config
        from madm_model.benchmark.probe.probe import Probe
        from madm_model.benchmark.probe.table import verdict, write_table
        from madm_model.placement import choose_device

        settings = load_probe_config(config)
        if threads:
            torch.set_num_threads(threads)
        folder = work_dir or Path("runs/benchmark") / config.stem
        made = Probe(settings, folder, choose_device(device))
        for text in only or ():
            if not any(text in case.name for case in made.cases):
                raise fail(f"--only {text} fits none of {', '.join(case.name for case in made.cases)}")
        chosen = [case for case in made.cases if not only or any(text in case.name for text in only)]
        if not tables_only:
            console.print("rendering frames")
            made.render()
        if frames_only:
            return
        if not tables_only:
            if any(case.start == "denoised" for case in chosen):
                made.denoise(console, denoising_minutes)
            for case in chosen:
                made.adapt(case, console, minutes)
        results = made.results()
        (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n")
        write_table(settings, results, config.stem, f"madm benchmark probe {config}", out)
        console.print(verdict(settings, results), soft_wrap=True, markup=False, highlight=False)
        console.print(f"table: {out}; results: {folder / 'results.json'}", soft_wrap=True, markup=False)
