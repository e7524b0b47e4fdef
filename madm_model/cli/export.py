# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm export`: a model as an ONNX or OpenVINO file that runs without this project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from madm_model.cli.options import read_size


def export(
    model: Annotated[str, typer.Argument(help="Model folder, or an embedded model.")],
    out: Annotated[Path, typer.Option(help="File to write, .onnx or .xml; must not exist.")],
    file_format: Annotated[str, typer.Option("--format", help="onnx or openvino.")] = "onnx",
    batch: Annotated[int, typer.Option(help="Images at once; 0: any number.", min=0)] = 1,
    size: Annotated[str, typer.Option(help="Of the images, HEIGHTxWIDTH; default: the model's.")] = "",
) -> None:
    """Write a model as one graph: uint8 images (N, H, W, 3) in, uint8 labels and confidence (N, H, W) out."""
    from madm_model.cli.errors import clear_errors

    with clear_errors():
        from madm_model.runtimes.file_export import export_model

        written = export_model(model, out, file_format, batch or None, read_size(size))
    for name in ("input", "output", "classes"):
        print(f"{name}: {written.metadata[name]}")
    print(f"{written.path}: {100 * written.agreement:.2f} % of the labels of a few images are PyTorch's")
