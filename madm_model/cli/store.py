# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm versions`, `activate` and `rollback`: what is in a version store, and which version is active, without ROS."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from madm_model.store import VersionStore

Store = Annotated[Path, typer.Argument(help="What madm adapt made as --out, or the robot's store.", metavar="STORE")]


def versions(store: Store) -> None:
    """List the versions of a store, and which one is active."""
    from rich.console import Console
    from rich.table import Table

    from madm_model.cli.errors import clear_errors
    from madm_model.store import BASE

    table = Table("version", "", "made from", "iterations", "gate", "written (UTC)")
    with clear_errors():
        opened = open_store(store)
        snapshot = opened.read()
        for name in snapshot.versions:
            mark = "active" if name == snapshot.active else ""
            if name == BASE:
                table.add_row(name, mark)
                continue
            info = opened.info(name)
            gate = "passed" if info.gate.get("passed") else str(info.gate.get("reason", ""))
            table.add_row(name, mark, info.parent, str(info.training.get("iterations", "")), gate, info.created[:16])
    console = Console()
    console.print(table)
    if snapshot.note:
        console.print(snapshot.note, markup=False, soft_wrap=True)


def rollback(
    store: Store,
    version: Annotated[str, typer.Argument(help="Version to make active; default: the one before.")] = "",
) -> None:
    """Make an earlier version of a store the active one."""
    from rich.console import Console

    from madm_model.cli.errors import clear_errors

    with clear_errors():
        snapshot = open_store(store).rollback(version)
    Console().print(f"{snapshot.active} is active")


def activate(
    store: Store,
    version: Annotated[str, typer.Argument(help="Version to make active; default: the newest.")] = "",
) -> None:
    """Make a version of a store the active one, one that adaptation has only kept, say."""
    from rich.console import Console

    from madm_model.cli.errors import clear_errors

    with clear_errors():
        opened = open_store(store)
        snapshot = opened.activate(version or opened.newest())
    Console().print(f"{snapshot.active} is active")


def open_store(store: Path, base: Path | None = None) -> VersionStore:
    """A store that is there.

    Args:
        store: its folder.
        base: folder of the model it is based on; where only names of versions count, it may be left out.

    Raises:
        InputError: the folder is no store.
    """
    from madm_model.checkpoint.model_names import EMBEDDED, resolve_model
    from madm_model.io.frames import InputError
    from madm_model.store import VersionStore

    if not (store / "versions").is_dir():
        raise InputError(f"{store} is no store of versions: give the --out of a madm adapt that has ended")
    return VersionStore(store, base or resolve_model(EMBEDDED))
