# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm segment`: bags, folders of images or images to label images, overlay videos and bags of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from madm_model.cli.options import EdgeMode, Params, Period, RuntimeName


def segment(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            help="A bag, images, or an event file; several of them, or a quoted 'pattern*'.", metavar="INPUT"
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the results; must not exist or be empty. Several INPUTs: each in OUT/NAME.")
    ],
    modality: Annotated[str, typer.Option(help="thermal, depth, rgb or event.")] = "thermal",
    topic: Annotated[str | None, typer.Option(help="Image or event topic of a bag; needed if it has several.")] = None,
    model: Annotated[str, typer.Option(help="Model folder, or an embedded model; default: the one for MODALITY.")] = "",
    store: Annotated[
        Path | None, typer.Option(help="The --out of madm adapt: its active version, with --model as its base.")
    ] = None,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    runtime: RuntimeName = "torch",
    start: Annotated[float | None, typer.Option(help="Seconds of the bag or event file to skip.")] = None,
    end: Annotated[float | None, typer.Option(help="Second of the bag or event file to stop at.")] = None,
    stride: Annotated[int, typer.Option(help="Segment every n-th frame.", min=1)] = 1,
    params: Params = None,
    edge_mode: EdgeMode = None,
    period: Period = None,
    opacity: Annotated[float, typer.Option(help="Of the label colours over the image.", min=0, max=1)] = 0.5,
    workers: Annotated[
        int,
        typer.Option(
            help="Processes for several INPUTs; 0: one for each GPU or the named one, or for each core.", min=0
        ),
    ] = 0,
    ray: Annotated[
        str, typer.Option(help="Several INPUTs: on the Ray cluster of this address; local: one of this machine.")
    ] = "",
) -> None:
    """Segment a recording into OUT: labels/*.png, overlay.mp4, contact_sheet.png and, for bags and events, bag/.

    Several recordings are segmented each into OUT/NAME: those that are done are skipped when it is run again, one that
    fails is named at the end, and the rest go on.
    """
    from rich.console import Console
    from rich.progress import Progress
    from rich.text import Text

    from madm_model.cli.errors import clear_errors, fail
    from madm_model.cli.tables import timing_table

    console = Console()
    with clear_errors():
        from madm_model.bulk.task import SegmentOptions, recordings
        from madm_model.checkpoint.model_names import embedded_model, resolve_model
        from madm_model.cli.parameter_file import read_frame_settings
        from madm_model.cli.segment_many import segment_many
        from madm_model.cli.store import open_store
        from madm_model.modalities import make_preprocessor
        from madm_model.recording import ResultFolder, segment_recording
        from madm_model.recording_source import open_recording
        from madm_model.segmenter import Segmenter

        skipped: list[str] = []
        settings = read_frame_settings(params, modality, edge_mode, period)
        preprocess = make_preprocessor(modality, settings.preprocessing)
        edges = settings.edges if modality == "event" else None
        folder = resolve_model(model or embedded_model(modality))
        if store is not None:
            snapshot = open_store(store, folder).read()
            folder = snapshot.folder
            if snapshot.note:
                console.print(snapshot.note, style="yellow", markup=False, soft_wrap=True)
        paths = recordings(inputs, out)
        if len(paths) > 1 or paths != inputs or workers or ray:
            preprocessing = dict(settings.preprocessing)
            options = SegmentOptions(
                modality, folder, device, runtime, topic, start, end, stride, preprocessing, edges, opacity
            )
            return segment_many(console, paths, out, options, workers, ray)
        source, made_topic = open_recording(
            paths[0], topic, edges, start, end, stride, lambda error: skipped.append(str(error))
        )
        segmenter = Segmenter.from_folder(folder, device, runtime=runtime)
        results = ResultFolder(out, segmenter.config.label_set, opacity, source.rate_hz, source.length, made_topic)
        with Progress(console=console) as progress:
            task = progress.add_task("segmenting", total=source.length)
            summary = segment_recording(source, preprocess, segmenter, results, lambda: progress.advance(task))

    if summary.frames:
        console.print(
            timing_table(f"milliseconds a frame on {segmenter.device} in {segmenter.runtime}", summary.milliseconds)
        )
    for reason, count in _counted([*skipped, *summary.skipped]):
        told = (f"left out {count} frame{'s' * (count > 1)}:", "yellow")
        console.print(Text.assemble(told, f" {reason}"), soft_wrap=True)
    if summary.frames:
        made = f"{summary.frames} frames segmented into {out} by {segmenter.config.name}"
        console.print(made, markup=False, soft_wrap=True)
    if summary.broken_off:
        raise fail(summary.broken_off)
    if not summary.frames:
        raise fail("no frame could be segmented")


def _counted(reasons: list[str]) -> list[tuple[str, int]]:
    return [(reason, reasons.count(reason)) for reason in dict.fromkeys(reasons)]
