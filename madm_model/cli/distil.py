# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm distil`: have a model teach a small network to label one sensor."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from madm_model.cli.options import (
    EdgeMode,
    End,
    Params,
    Period,
    Start,
    Stride,
    Topic,
    given,
    read_options,
    read_size,
    written,
)

if TYPE_CHECKING:
    from madm_model.distillation.frames import Target


_OF_RECORDINGS = {"topic", "start", "end", "stride", "params", "edge_mode", "period"}
"""Options that say what of a recording is read, and how."""


def distil(
    context: typer.Context,
    teacher: Annotated[str, typer.Option(help="Model that labels the target: one adapted to it, folder or name.")],
    student: Annotated[
        str,
        typer.Option(help="swiftnet, segformer-b0, segformer-b2 or segformer-b5, or a student's folder to go on from."),
    ],
    target: Annotated[
        list[str], typer.Option(help="Unlabelled frames: a recording (may be repeated), DATASET:ROOT, or sim.")
    ],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    source: Annotated[
        str,
        typer.Option(
            help="Labelled RGB: a folder with images/ and labels/, DATASET:ROOT, or sim; default: a small replay set."
        ),
    ] = "",
    modality: Annotated[str, typer.Option(help="thermal, depth, event or rgb; default: the teacher's.")] = "",
    iterations: Annotated[int, typer.Option(help="Optimiser steps.", min=1)] = 4000,
    encoder: Annotated[
        str | None,
        typer.Option(help="SegFormer whose encoder to start from: folder as transformers saves it, or hub repository."),
    ] = None,
    size: Annotated[
        str, typer.Option(help="What the student sees live, such as 288x384; default: as the teacher.", metavar="HxW")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seeds weights, batches and mixing.", min=0)] = 0,
    topic: Topic = "",
    start: Start = 0.0,
    end: End = 0.0,
    stride: Stride = 1,
    params: Params = None,
    edge_mode: EdgeMode = None,
    period: Period = None,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    work_dir: Annotated[
        Path | None,
        typer.Option(help="Frames, the teacher's labels, checkpoints, log; resumes from it. Default: OUT.work."),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="A setting as NAME=VALUE, for example temperature=2 or view.batch_size=4.")
    ] = None,
) -> None:
    """Distil a model into a small network: it learns from the model's labels of a target and from a labelled source.

    On one GPU or, under accelerate launch, on several.
    """
    from datetime import timedelta

    from rich.console import Console

    from madm_model.cli.errors import clear_errors

    with clear_errors():
        from madm_model.adaptation.data.target_bags import TargetSelection
        from madm_model.checkpoint.model_names import resolve_model
        from madm_model.cli.parameter_file import read_frame_settings
        from madm_model.distillation.config import DistillationConfig
        from madm_model.distillation.frames import DatasetTarget, RecordedTarget, SimulatedTarget, find_dataset
        from madm_model.distillation.run import DistillationSettings, Task
        from madm_model.distillation.run import distil as run
        from madm_model.jobs.settings import with_options
        from madm_model.model_config import ModelConfig
        from madm_model.placement import choose_device
        from madm_model.training.processes import launched_processes

        folder = resolve_model(teacher).absolute()
        sensor = modality or ModelConfig.load(folder).modality
        height, width = read_size(size) or (0, 0)
        learning = DistillationConfig(iterations, seed=seed, height=height, width=width)
        settings = with_options(DistillationSettings(learning), read_options(option or []))
        frames: Target
        dataset = find_dataset(target[0]) if len(target) == 1 and target != ["sim"] else None
        if (target == ["sim"] or dataset is not None) and (unused := given(context) & _OF_RECORDINGS):
            raise ValueError(f"{target[0]} is no recording: leave out {written(unused)}")
        if dataset is not None and modality not in ("", dataset.modality):
            raise ValueError(f"{target[0]} has {dataset.modality} images: leave out --modality {modality}")
        if target == ["sim"]:
            frames = SimulatedTarget(sensor)
        elif dataset is not None:
            frames = DatasetTarget(dataset)
        else:
            prepared = read_frame_settings(params, sensor, edge_mode, period)
            paths = tuple(str(Path(path).absolute()) for path in target)
            edges = asdict(prepared.edges) if sensor == "event" else {}
            selection = TargetSelection(paths, sensor, topic, start, end, stride, edges)
            frames = RecordedTarget(selection, prepared.preprocessing)
        task = Task(folder, student, frames, source, encoder)
        # The others wait for the first one's frames and labels, which may take hours.
        processes, own = launched_processes(device, timedelta(days=2))
        chosen = own if own is not None else choose_device(device)
        console = Console(quiet=not processes.is_first)
        run(task, settings, work_dir or out.with_name(f"{out.name}.work"), out, chosen, console, processes)
