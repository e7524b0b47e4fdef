# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm train-embedded`: train the model that ships with the project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train_embedded(
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    work_dir: Annotated[
        Path, typer.Option(help="Rendered frames, checkpoints and logs; resumes from it with the same seed.")
    ] = Path("runs/tiny-rgb"),
    seed: Annotated[int, typer.Option(help="Seeds weights, batches and noise.")] = 0,
) -> None:
    """Train the embedded `tiny` model on simulated streets: autoencoder, denoising, supervised (two to three hours)."""
    from rich.console import Console

    from madm_model.cli.errors import clear_errors

    with clear_errors():
        from madm_model.training.embedded import EmbeddedRecipe
        from madm_model.training.embedded import train_embedded as train

        train(EmbeddedRecipe(seed=seed), work_dir, out, Console())
