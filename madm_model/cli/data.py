# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm data`: the paper's data sets, checked before something long begins, and in miniature."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

data = typer.Typer(help="The paper's data sets: check a download, or write a miniature of one.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="DATASET", help="cityscapes, deliver, fmb or dsec.")]


@data.command("check")
def check(
    name: Name,
    root: Annotated[Path, typer.Argument(help="Its folder, see docs/datasets.md.")],
    split: Annotated[list[str] | None, typer.Option(help="train, val or test; may come again; default: all.")] = None,
    deep: Annotated[bool, typer.Option("--deep", help="Read every file as a whole, not only its header.")] = False,
) -> None:
    """List all that is missing or malformed; exit 1 if anything is."""
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from madm_model.cli.errors import clear_errors

    console = Console()
    with clear_errors():
        from madm_model.datasets.check import check_dataset

        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("looking")
            report = check_dataset(
                name, root, split, deep, lambda done, total: progress.update(task, completed=done, total=total)
            )
    table = Table("split", "images", "expected", "labels", title=f"{name} in {root}", title_justify="left")
    for count in report.counts:
        table.add_row(count.split, str(count.images), str(count.expected), str(count.labels))
    if report.counts:
        console.print(table)
    for problem in report.problems:
        console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    if report.problems:
        raise typer.Exit(1)
    console.print("nothing is missing" + ("" if deep else "; --deep reads every file"))


@data.command("make-miniature")
def make_miniature(
    name: Name,
    out: Annotated[Path, typer.Argument(help="Folder to create; must not exist.")],
    frames: Annotated[int, typer.Option(help="In every split.", min=1)] = 2,
    seed: Annotated[int, typer.Option(help="Of the first simulated street.", min=0)] = 0,
    height: Annotated[int | None, typer.Option(help="Of the images, pixels; default: as released.")] = None,
    width: Annotated[int | None, typer.Option(help="Of the images, pixels; default: as released.")] = None,
) -> None:
    """Write a few simulated frames in exactly the layout of a data set, to see the whole way before a download."""
    from rich.console import Console
    from rich.progress import Progress

    from madm_model.cli.errors import clear_errors

    console = Console()
    with clear_errors():
        from madm_model.datasets import miniature
        from madm_model.datasets.dataset import find_layout

        layout = find_layout(name)
        size = (height or layout.size[0], width or layout.size[1])
        with Progress(console=console) as progress:
            task = progress.add_task("simulating", total=frames * len(layout.images))
            miniature.make_miniature(name, out, frames, seed, size, lambda: progress.advance(task))
    splits = " and ".join(layout.images)
    console.print(f"{frames} frames each of {splits} of {layout.title} in miniature written to {out}", markup=False)
