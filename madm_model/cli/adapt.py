# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm adapt`: the job of /madm/adapt without ROS, with a progress bar."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from madm_model.cli.options import (
    EdgeMode,
    End,
    Params,
    Period,
    RuntimeName,
    Start,
    Stride,
    Topic,
    given,
    read_options,
    written,
)


def adapt(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Store for the new version; made if missing.")],
    bags: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Recordings of the sensor to learn, or folders of bags; none with --resume.", metavar="BAG"
        ),
    ] = None,
    modality: Annotated[str, typer.Option(help="thermal, depth or event.")] = "thermal",
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE[=SHARE]",
            help="Labelled RGB: a folder with images/ and labels/, sim, or replay; or sim-sensor; may come again, with "
            "shares. A folder alone has half, replay and sim-sensor a quarter each; default: half of each of these.",
        ),
    ] = None,
    iterations: Annotated[int, typer.Option(help="Optimiser steps; 0: as many as fit --minutes.", min=0)] = 0,
    minutes: Annotated[float, typer.Option(help="Training time at most; 0: no limit.", min=0)] = 0.0,
    topic: Topic = "",
    start: Start = 0.0,
    end: End = 0.0,
    stride: Stride = 1,
    params: Params = None,
    edge_mode: EdgeMode = None,
    period: Period = None,
    model: Annotated[str, typer.Option(help="Model to start from; default: the embedded one for MODALITY.")] = "",
    student: Annotated[
        str,
        typer.Option(
            help="Small network that learns from the adapted model and runs in its place: swiftnet, segformer-b0, "
            "segformer-b2, segformer-b5, or a student's model folder to go on from; none: no student; default: of the "
            "sizes of the student that runs, none where none runs."
        ),
    ] = "",
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    runtime: RuntimeName = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads of the training; 0: PyTorch's choice.", min=0)] = 0,
    keep: Annotated[int, typer.Option(help="Versions the store keeps.", min=1)] = 5,
    max_days: Annotated[
        float, typer.Option(help="A job that would train for longer is refused, days.", min=0.001, max=365)
    ] = 7.0,
    option: Annotated[
        list[str] | None, typer.Option(help="A setting as NAME=VALUE, for example dplg.noise_period=60.")
    ] = None,
    labelled_target: Annotated[
        Path | None,
        typer.Option(
            help="A few labelled frames of the sensor, images/ and labels/: the last third by name is what the gate "
            "decides by first, the others are trained on; fewer than six are all the gate's."
        ),
    ] = None,
    protect: Annotated[
        list[str] | None,
        typer.Option(help="Class that must not be lost; may be repeated. Default: person and vehicle."),
    ] = None,
    activate: Annotated[
        bool,
        typer.Option("--activate/--keep-only", help="Make a version that passes the gate active, or only keep it."),
    ] = True,
    resume: Annotated[str, typer.Option(help="Id of an interrupted job of this store to go on with.")] = "",
) -> None:
    """Adapt a model to a sensor from unlabelled recordings; the new version is active in OUT if it passes the gate."""
    from madm_model.cli.errors import clear_errors, fail

    console = Console()
    if bool(bags) == bool(resume):
        raise fail("give at least one BAG, or --resume with the id of a job")
    if resume and (others := given(context) - {"out", "resume"}):
        raise fail(f"a job is resumed as it was asked for: leave out {written(others)}")
    with clear_errors():
        from madm_model.adaptation.data.source_shares import with_folders
        from madm_model.adaptation.data.target_bags import TargetSelection
        from madm_model.checkpoint.model_names import embedded_model, resolve_model
        from madm_model.cli.parameter_file import read_frame_settings
        from madm_model.distillation.student_choice import student_path
        from madm_model.jobs.check import check_cost, check_request
        from madm_model.jobs.lock import refuse_second_job
        from madm_model.jobs.request import JobFolder, JobRequest
        from madm_model.jobs.settings import wants_student
        from madm_model.jobs.state import State
        from madm_model.runtimes.opening import runtime_named
        from madm_model.store import VersionStore

        if resume:
            job = JobFolder(out, resume)
        else:
            base = resolve_model(model or embedded_model(modality)).absolute()
            paths = tuple(str(bag.absolute()) for bag in bags or ())
            settings = read_frame_settings(params, modality, edge_mode, period)
            edges = asdict(settings.edges) if modality == "event" else {}
            target = TargetSelection(paths, modality, topic, start, end, stride, edges)
            sources = with_folders(":".join(source or ()), lambda path: str(Path(path).absolute()))
            request = JobRequest(
                target,
                iterations,
                60 * minutes,
                sources,
                {**read_options(option or []), **({"gate.protect": json.dumps(protect)} if protect else {})},
                settings.preprocessing,
                str(base),
                keep,
                device,
                runtime=runtime_named(runtime),
                niceness=0,
                threads=threads,
                max_days=max_days,
                auto_activate=activate,
                labelled_target=str(labelled_target.absolute()) if labelled_target else "",
                student=str(path.absolute()) if (path := student_path(student)) and wants_student(student) else student,
            )
            refuse_second_job(out)
            store = VersionStore(out, base, keep)
            cost = check_cost(request, store, check_request(request, store))
            console.print(f"the job takes {cost}", soft_wrap=True)
            job = JobFolder.create(out, request)
        state = _run(console, out, job.job_id)

    final = job.state()
    if final.report:
        console.print(f"report: {final.report}", soft_wrap=True, markup=False)
    if state == State.ACTIVATED:
        base = f" --model {model}" if model else ""
        command = f"madm segment INPUT --modality {job.request().target.modality} --store {out}{base} --out RESULTS"
        console.print(f"see it at work: {command}", soft_wrap=True, markup=False)
    elif state == State.NOT_ACTIVATED and final.new_version:
        console.print(f"use it all the same: madm activate {out} {final.new_version}", soft_wrap=True, markup=False)
    if final.state.is_resumable:
        what = "go on with it" if state == State.CANCELED else "once that is mended, go on with it"
        console.print(f"{what}: madm adapt --out {out} --resume {job.job_id}", soft_wrap=True, markup=False)
    if state not in (State.ACTIVATED, State.NOT_ACTIVATED):
        raise typer.Exit(1)


def _run(console: Console, store: Path, job_id: str) -> str:
    """Run the job here, drawing its events; Ctrl-C cancels it, and pressed again ends it at once."""
    import signal

    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from madm_model.jobs.job import AdaptationJob
    from madm_model.jobs.state import State

    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        if stopped:  # asked again: whatever it is in the middle of
            raise KeyboardInterrupt
        stopped = True
        console.print("stopping when this step is done; Ctrl-C again ends it at once", soft_wrap=True)

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("preparing", total=None, visible=False)

        def show(event: dict) -> None:
            if event["event"] == "state":
                console.print(f"{event['state']}: {escape(event['message'])}", soft_wrap=True)
                if event["state"] == State.PREPARING:  # a job that is refused never gets here
                    progress.update(task, visible=True)
            elif event["event"] == "frames":
                progress.update(task, description=f"{event['kept']} frames kept", completed=event["read"], total=None)
            elif event["event"] == "source":
                progress.update(task, description="source", completed=event["done"], total=event["total"])
            elif event["event"] in ("labels", "pairs"):
                text = "labels for the student" if event["event"] == "labels" else "labels of paired images"
                progress.update(task, description=text, completed=event["done"], total=event["total"])
            elif event["event"] == "progress":
                loss = sum(event["losses"].values())
                certain = "" if event["confidence"] is None else f", {event['confidence']:.0%} certain"
                noise = f", noise {event['noise_step']}" if event["noise_step"] >= 0 else ""
                text = f"loss {loss:.3f}{certain}{noise}"
                progress.update(task, description=text, completed=event["iteration"], total=event["iterations"])

        previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            job = AdaptationJob(store, job_id, show, lambda: stopped)
            with job.memory_limit():
                return job.run()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
