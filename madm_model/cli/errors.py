# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
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
