# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm import-official`: an official MADM checkpoint to a model folder."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Precision(str, Enum):
    """Precision of stored weights."""

    float32 = "float32"
    float16 = "float16"


def import_official(
    checkpoint: Annotated[Path, typer.Argument(metavar="CKPT", help="Official checkpoint: .pth or .safetensors.")],
    modality: Annotated[str, typer.Option(help="What it was trained for: depth, thermal (infrared) or event.")],
    out: Annotated[Path, typer.Option(help="Model folder to create; must not exist.")],
    base: Annotated[
        Path | None,
        typer.Option(help="Stable Diffusion v1-4 folder; only where the checkpoint lacks VAE or empty prompt."),
    ] = None,
    dtype: Annotated[Precision, typer.Option(help="Precision of the stored weights.")] = Precision.float32,
) -> None:
    """Import an official MADM checkpoint into a model folder that node and commands take as --model."""
    import torch
    from rich.console import Console

    from madm_model.architecture import SD14
    from madm_model.checkpoint.official import import_to_folder
    from madm_model.cli.errors import clear_errors

    with clear_errors():
        imported = import_to_folder(checkpoint, out, SD14, modality, base, getattr(torch, dtype.value))
    for warning in imported.warnings:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"warning: {warning}", markup=False)
    parameters = sum(parameter.numel() for parameter in imported.network.parameters()) / 1e6
    classes = len(imported.config.label_set)
    print(f"{out}: {modality}, {classes} classes, {parameters:.1f} M parameters")
