"""How commands end on bad input: one line on stderr that says what to do, and exit status 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from madm_model.io.frames import InputError
from madm_model.model_config import ModelError
from madm_model.store import StoreError


def fail(message: str) -> typer.Exit:
    """Print an error; raise what is returned."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {message}", markup=False, style="red")
    return typer.Exit(1)


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn errors that a user can mend into one printed line; others keep their traceback."""
    try:
        yield
    except OSError as error:
        told = f"{error.filename}: {error.strerror.lower()}" if error.filename and error.strerror else str(error)
        raise fail(told) from None
    except (InputError, ModelError, StoreError, ValueError) as error:
        raise fail(str(error)) from None
