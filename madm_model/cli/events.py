# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm events`: statistics of an event recording, its edge frames as a video, or the speed of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from rich.console import Console

    from madm_model.events.edge_config import EdgeConfig


def events(
    source: Annotated[
        Path | None,
        typer.Argument(metavar="INPUT", help="Event bag, or .raw, .aedat4, .h5 or text file; none with --bench."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write edge frames as this .mp4.")] = None,
    topic: Annotated[str | None, typer.Option(help="Event topic of a bag; needed if there are several.")] = None,
    mode: Annotated[str, typer.Option(help="decay, edge_map, polarity, time_surface or speed_invariant.")] = "decay",
    noise_filter: Annotated[str, typer.Option(help="none, background_activity or fast_decay.")] = "none",
    period: Annotated[float, typer.Option(help="Seconds of sensor time from frame to frame.")] = 1 / 30,
    count: Annotated[int | None, typer.Option(help="A frame every so many events instead.")] = None,
    fps: Annotated[float, typer.Option(help="Frames per second of the video.")] = 30.0,
    start: Annotated[float | None, typer.Option(help="Begin at this second of the recording.")] = None,
    end: Annotated[float | None, typer.Option(help="Stop at this second of the recording.")] = None,
    bench: Annotated[bool, typer.Option(help="Measure decoding and drawing, of INPUT or a made-up stream.")] = False,
) -> None:
    """Render an event recording to a video, or print its statistics."""
    from rich.console import Console

    from madm_model.cli.errors import clear_errors
    from madm_model.events.edge_config import EdgeConfig

    console = Console()
    with clear_errors():
        if bench:
            _bench(source, topic, console)
            return
        if source is None:
            raise ValueError("name a recording, or ask for --bench")
        window, size = ("time", EdgeConfig.count) if count is None else ("count", count)
        config = EdgeConfig(mode=mode, noise_filter=noise_filter, window=window, count=size, period_s=period)
        if out is None:
            _statistics(source, topic, start, end, console)
        else:
            _video(source, topic, start, end, config, out, fps, console)


def _video(
    source: Path,
    topic: str | None,
    start: float | None,
    end: float | None,
    config: EdgeConfig,
    out: Path,
    fps: float,
    console: Console,
) -> None:
    import cv2

    from madm_model.events.container import EventError
    from madm_model.io.limited import LimitedStream, Limits
    from madm_model.pictures import VideoFile

    if out.suffix.lower() != ".mp4":
        raise ValueError(f"{out} is no .mp4 file: videos are written as .mp4")
    limits = Limits.of_recordings([source])
    written = events = 0
    with (
        VideoFile(out, fps) as video,
        LimitedStream(str(source), _edge_images, source, topic, start, end, config, limits=limits) as images,
    ):
        for image, read in images:
            events = read
            if image is not None:
                video.add(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB))
                written += 1
    if not written:
        raise EventError(f"{source} is too short for one frame: choose a smaller --period or --count")
    console.print(f"{out}: {written} frames of {config.mode}, {events} events", markup=False)


def _edge_images(
    source: Path, topic: str | None, start: float | None, end: float | None, config: EdgeConfig
) -> Iterator[tuple[np.ndarray | None, int]]:
    """Edge frames, uint8 (H, W), with the number of events read so far; the last has no image."""
    from madm_model.events.edges import EdgeFramer
    from madm_model.events.recording import open_events

    recording = open_events(source, topic, start_s=start, end_s=end)
    framer: EdgeFramer | None = None
    for chunk in recording:
        framer = framer or EdgeFramer(chunk.height, chunk.width, config)
        for frame in framer.frames(chunk):
            yield frame.image, recording.counters.events
    yield None, recording.counters.events


def _statistics(source: Path, topic: str | None, start: float | None, end: float | None, console: Console) -> None:
    from rich.table import Table

    from madm_model.io.limited import Limits, run_limited

    limits = Limits.of_recordings([source])
    table = Table(show_header=False, title=str(source))
    for name, value in run_limited(str(source), _rows, source, topic, start, end, limits=limits):
        table.add_row(name, value)
    console.print(table)


def _rows(source: Path, topic: str | None, start: float | None, end: float | None) -> list[tuple[str, str]]:
    """Lines of the table of statistics."""
    from madm_model.events.recording import open_events
    from madm_model.events.statistics import summarise

    recording = open_events(source, topic, start_s=start, end_s=end)
    return summarise(recording).rows(recording.counters)


def _bench(source: Path | None, topic: str | None, console: Console) -> None:
    from rich.table import Table

    from madm_model.speed.events import measure, stream_of

    stream = stream_of(source, topic, rate_mev_s=40.0, seconds=0.5)
    table = Table(title=f"{len(stream)} events of {source or 'moving edges'}, {stream.width}x{stream.height}, one core")
    table.add_column("stage")
    table.add_column("million events/s", justify="right")
    for speed in measure(stream):
        table.add_row(speed.stage, f"{speed.mev_s:.1f}")
    console.print(table)
