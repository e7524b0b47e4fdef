# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm train-student`: train a small network for robots on simulated streets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train_student(
    student: Annotated[str, typer.Argument(help="Network: swiftnet, segformer-b0, segformer-b2 or segformer-b5.")],
    modality: Annotated[str, typer.Option(help="What it will see: rgb, thermal, depth or event.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    work_dir: Annotated[
        Path,
        typer.Option(help="Frames, which serve all students, checkpoints, logs; goes on there with the same options."),
    ] = Path("runs/students"),
    seed: Annotated[int, typer.Option(help="Seeds weights, batches and noise.")] = 0,
    iterations: Annotated[int | None, typer.Option(help="Steps on crops.")] = None,
    initial: Annotated[str | None, typer.Option(help="Student to start from, for example of another modality.")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="SegFormer whose encoder to start from: folder as transformers saves it, or hub repository."),
    ] = None,
) -> None:
    """Train a student on simulated streets alone, labelled ones of its modality and colour in random appearance."""
    from rich.console import Console

    from madm_model.cli.errors import clear_errors

    with clear_errors():
        from madm_model.training.student import StudentRecipe, training_streets
        from madm_model.training.student import train_student as train

        given = {"iterations": iterations} if iterations is not None else {}
        recipe = StudentRecipe(
            *(student, modality, seed, initial, encoder),
            training_frames=training_streets(modality),
            **given,
        )
        train(recipe, work_dir, out, Console())
