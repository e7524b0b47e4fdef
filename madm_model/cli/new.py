# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm new`: an untrained model from public weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def new(
    base: Annotated[
        str,
        typer.Option(help="Stable Diffusion v1-4: a folder in diffusers' layout, or OWNER/NAME of a hub repository."),
    ],
    classes: Annotated[str, typer.Option(help="street11, street9, cityscapes19, or a YAML file of your own.")],
    out: Annotated[Path, typer.Option(help="Model folder to create; must not exist.")],
    modality: Annotated[str, typer.Option(help="What it is to be trained for: rgb, depth, thermal or event.")] = "rgb",
    seed: Annotated[int, typer.Option(help="Decides all that does not come from the base.", min=0)] = 0,
    any_size: Annotated[
        bool, typer.Option("--any-size", help="Take a base of other sizes than v1-4's, such as a miniature.")
    ] = False,
) -> None:
    """Make an untrained model of Stable Diffusion's weights, for `madm train`."""
    from madm_model.checkpoint.new_model import new_model_folder
    from madm_model.cli.errors import clear_errors
    from madm_model.labels import read_label_set

    with clear_errors():
        label_set = read_label_set(classes)
        network, config = new_model_folder(base, out, label_set, modality, seed, any_size)
    parameters = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    name = config.architecture.name
    print(f"{out}: {name}, untrained, {modality}, {len(label_set)} classes, {parameters:.1f} M parameters")
