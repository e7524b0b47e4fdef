"""How commands end on bad input: one line that says what to do, and exit code 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from madm_model.io.frames import InputError
from madm_model.model_config import ModelError


@contextmanager
def clear_errors(console: Console) -> Iterator[None]:
    """Turn errors that a user can mend into one printed line; others keep their traceback."""
    try:
        yield
    except (InputError, ModelError, ValueError, OSError) as error:
        console.print(f"[red]error:[/red] {escape(str(error))}")
        raise typer.Exit(1) from None
