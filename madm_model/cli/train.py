# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm train`: a training on data sets, such as those of the paper."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Argument(help="What to train, for example config/paper/depth.yaml.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints, logs and models. Default: runs/train/NAME.")
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="Take the paper's way where the released code differs from it.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in OUT.")] = False,
    option: Annotated[
        list[str] | None, typer.Option(help="A setting of CONFIG as NAME=VALUE, for example dplg.noise_period=2000.")
    ] = None,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: PyTorch's choice.", min=0)] = 0,
) -> None:
    """Adapt a model from a labelled to an unlabelled data set, on one GPU or, under accelerate launch, on several."""
    import signal
    from dataclasses import replace

    from rich.console import Console

    from madm_model.cli.errors import clear_errors, fail
    from madm_model.cli.options import read_options

    with clear_errors():
        import torch

        from madm_model.adaptation.resources import ResourceError
        from madm_model.adaptation.self_training import TrainingDiverged
        from madm_model.dataset_training.config import load_train_config
        from madm_model.dataset_training.run import train as run
        from madm_model.jobs.settings import with_options
        from madm_model.placement import choose_device
        from madm_model.training.processes import launched_processes

        settings = load_train_config(config)
        settings = with_options(settings, read_options(option or []))
        settings = replace(settings, paper=settings.paper or paper)
        if threads:
            torch.set_num_threads(threads)
        processes, own = launched_processes(device)
        console = Console(quiet=not processes.is_first)
        folder = out or Path("runs/train") / config.stem
        stopped = False

        def stop(*_: object) -> None:
            nonlocal stopped
            if stopped:
                raise KeyboardInterrupt
            stopped = True

        previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            chosen = own if own is not None else choose_device(device)
            done = run(settings, folder, resume, chosen, processes, console, lambda: stopped)
        except (ResourceError, TrainingDiverged) as error:
            raise fail(str(error)) from None
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
    if not done:
        command = _going_on(config, folder, paper, option or [], device, threads)
        console.print(f"go on with: {command}", soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(1)


def _going_on(config: Path, folder: Path, paper: bool, options: list[str], device: str, threads: int) -> str:
    """The command line, quoted for a shell, that resumes what was started with these options."""
    words = ["madm", "train", str(config), "--out", str(folder)]
    words += [word for option in options for word in ("--option", option)]
    words += ["--paper"] if paper else []
    words += ["--device", device] if device != "auto" else []
    words += ["--threads", str(threads)] if threads else []
    return shlex.join([*words, "--resume"])
