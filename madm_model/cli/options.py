# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Options that commands share, and settings given on the command line as NAME=VALUE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from madm_model.events.edge_config import MODES, EdgeConfig
from madm_model.runtimes.names import RUNTIMES

Params = Annotated[
    Path | None,
    typer.Option(help="Parameters of the robot's node, such as config/thermal.yaml: frames are prepared as there."),
]
EdgeMode = Annotated[
    str | None,
    typer.Option(help=f"Edge frames of events: {', '.join(MODES)}; default: as in --params, or {EdgeConfig.mode}."),
]
Period = Annotated[
    float | None,
    typer.Option(help=f"Seconds from edge frame to edge frame; default: as in --params, or {EdgeConfig.period_s:.4f}."),
]
Topic = Annotated[str, typer.Option(help="Image or event topic; needed only if a bag has several.")]
Start = Annotated[float, typer.Option(help="Seconds of each bag to skip.", min=0)]
End = Annotated[float, typer.Option(help="Second of each bag to stop at; 0: its end.", min=0)]
Stride = Annotated[int, typer.Option(help="Look at every n-th frame.", min=1)]

RuntimeName = Annotated[str, typer.Option("--runtime", help=f"What runs the network: {', '.join(RUNTIMES)}.")]


def given(context: typer.Context) -> set[str]:
    """Names of the options that were written down."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}


def written(names: Iterable[str]) -> str:
    """Options, by the names that `given` tells, as they are written on the command line."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in sorted(names))


def read_options(options: Sequence[str]) -> dict[str, str]:
    """Name to value.

    Raises:
        ValueError: one of them has no value.
    """
    pairs = [option.partition("=") for option in options]
    if wrong := [name for name, equals, _ in pairs if not equals]:
        raise ValueError(f"option '{wrong[0]}' has no value: write NAME=VALUE")
    return {name: value for name, _, value in pairs}


def read_size(text: str) -> tuple[int, int] | None:
    """Height and width of HEIGHTxWIDTH; None of an empty text.

    Raises:
        ValueError: it is no such text.
    """
    if not text:
        return None
    sides = text.split("x")
    if len(sides) != 2 or not all(side.isdecimal() for side in sides):
        raise ValueError(f"size '{text}' is not HEIGHTxWIDTH, such as 192x256")
    return int(sides[0]), int(sides[1])
