# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm reference`: what frames a model knows, so that a node can tell how far later ones are from them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from madm_model.cli.options import Params

_MOST, _STRIDE_OF_UNKNOWN = 64, 30


def reference(
    model: Annotated[Path, typer.Argument(help="Model folder; gets the file shift.json.")],
    recording: Annotated[
        Path | None,
        typer.Argument(help="A bag or images that the model knows; default: simulated streets.", metavar="RECORDING"),
    ] = None,
    modality: Annotated[str, typer.Option(help="thermal, depth, event or rgb; default: the model's.")] = "",
    topic: Annotated[str | None, typer.Option(help="Image or event topic of a bag; needed if it has several.")] = None,
    stride: Annotated[int, typer.Option(help="Look at every n-th frame; 0: at 64 in all at most.", min=0)] = 0,
    streets: Annotated[int, typer.Option(help="Simulated streets, four frames each.", min=4)] = 12,
    params: Params = None,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
) -> None:
    """Write down what frames a model knows (shift.json in its folder), for the node's ~/shift."""
    from rich.console import Console

    from madm_model.cli.errors import clear_errors, fail

    console = Console()
    if not model.is_dir():
        raise fail(f"{model} is no model folder")
    with clear_errors():
        from madm_model.benchmark.shift.table import know
        from madm_model.cli.parameter_file import read_frame_settings
        from madm_model.modalities import make_preprocessor
        from madm_model.recording_source import open_recording
        from madm_model.segmenter import Segmenter
        from madm_model.training.config import FramePoolConfig
        from madm_model.training.frame_pool import network_frames

        segmenter = Segmenter.from_folder(model, device)
        sensor = modality or segmenter.config.modality
        if recording is None:
            pool = FramePoolConfig(7_000_000, streets, 4, modalities=(sensor,))
            seeds = range(pool.first_seed, pool.first_seed + streets)
            images = (frame[sensor] for seed in seeds for frame in network_frames(pool, seed))
        else:
            settings = read_frame_settings(params, sensor, None, None)
            preprocess = make_preprocessor(sensor, settings.preprocessing)
            edges = settings.edges if sensor == "event" else None
            source, _ = open_recording(recording, topic, edges)
            step = stride or (-(-source.length // _MOST) if source.length else _STRIDE_OF_UNKNOWN)
            # Every frame is prepared: gain control follows a recording.
            images = (image for number, image in enumerate(preprocess(frame) for frame in source) if number % step == 0)
        known = know(segmenter, images)
        known.save(model)
    console.print(
        f"{model / 'shift.json'}: {known.frames} frames, mean confidence {known.confidence:.2f}",
        soft_wrap=True,
        markup=False,
    )
