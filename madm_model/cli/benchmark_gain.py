# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm benchmark gain`: what adapted models gain on several pools of unseen simulated streets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def gain(
    models: Annotated[
        list[str], typer.Argument(help="Model folders, versions or embedded models, each on its sensor.")
    ],
    over: Annotated[str, typer.Option(help="The model that they are compared with.")] = "tiny-rgb",
    pools: Annotated[int, typer.Option(help="Pools of streets.", min=1)] = 3,
    streets: Annotated[int, typer.Option(help="Streets of each pool.", min=2)] = 40,
    frames: Annotated[int, typer.Option(help="Frames of each street, 1.5 s apart.", min=1)] = 2,
    work_dir: Annotated[Path, typer.Option(help="Keeps the rendered frames.")] = Path("runs/benchmark/gain"),
    out: Annotated[Path | None, typer.Option(help="Document whose section of this table is written.")] = None,
    device: Annotated[str, typer.Option(help="cuda, cpu, or auto: the GPU where there is one.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads; 0: PyTorch's choice.", min=0)] = 0,
) -> None:
    """Tell what adapted models gain on simulated streets that nothing was trained on, with intervals over streets."""
    from rich.console import Console
    from rich.progress import Progress

    from madm_model.cli.errors import clear_errors

    console = Console()
    with clear_errors():
        import torch

        from madm_model.benchmark.document import put_section
        from madm_model.benchmark.gain import as_markdown, measure_gain
        from madm_model.segmenter import Segmenter

        if threads:
            torch.set_num_threads(threads)
        first, gains = Segmenter.from_folder(over, device), []
        with Progress(console=console, transient=True) as progress:
            for model in models:
                segmenter = Segmenter.from_folder(model, device)
                modality = segmenter.config.modality
                task = progress.add_task(f"{modality}", total=2 * pools)
                gains.append(
                    measure_gain(
                        *((first, segmenter), modality, pools, streets, frames, work_dir),
                        lambda task=task: progress.advance(task),
                    )
                )
                segmenter.close()
        first.close()
        options = f" --over {over}" if over != "tiny-rgb" else ""
        command = (
            f"madm benchmark gain {' '.join(models)}{options} --pools {pools} --streets {streets} --frames {frames}"
        )
        lines = as_markdown(gains, over, command, streets, frames)
        if out is not None:
            put_section(out, "gain", lines)
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
