"""`madm train-embedded`: train the model that ships with the project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train_embedded(
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    work_dir: Annotated[Path, typer.Option(help="Rendered frames, checkpoints and logs; resumes from it.")] = Path(
        "runs/tiny-rgb"
    ),
    seed: Annotated[int, typer.Option(help="Seeds weights, batches and noise.")] = 0,
) -> None:
    """Train the embedded `tiny` model on simulated streets: autoencoder, denoising, supervised (two to three hours)."""
    from rich.console import Console

    from madm_model.training.embedded import EmbeddedRecipe
    from madm_model.training.embedded import train_embedded as train

    train(EmbeddedRecipe(seed=seed), work_dir, out, Console())
