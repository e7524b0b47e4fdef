# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A store's index: which version is active, and which were before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from madm_model.io import durable
from madm_model.io.json_files import read_object
from madm_model.store.version import is_version_name

BASE = "base"
"""Name of the version that is always there: the model the store was opened with."""

INDEX_FILE = "index.json"
_HISTORY = 20
_NUMBERS = 10**9


@dataclass(frozen=True)
class Index:
    """What is in the file."""

    active: str = BASE
    """The version that was made active last."""
    history: tuple[str, ...] = ()
    """Versions that were active before, the latest last."""
    last_number: int = 0
    """Largest version number ever given."""

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Index:
        """Read back what `write` wrote.

        Raises:
            ValueError: a field is missing or has a wrong value.
        """
        active, history, last_number = data.get("active"), data.get("history"), data.get("last_number")
        if not isinstance(history, list) or not all(
            name == BASE or is_version_name(name) for name in [active, *history]
        ):
            raise ValueError("it does not name versions")
        if type(last_number) is not int or not 0 <= last_number < _NUMBERS:
            raise ValueError("it has no number of versions")
        return cls(active, tuple(history), last_number)

    def with_active(self, version: str, active: str, is_rollback: bool) -> Index:
        """The index once another version is active.

        Args:
            version: the other one.
            active: the one that was active, which need not be what the index says.
            is_rollback: whether versions that were active after the other one are left for good.
        """
        history = self.history if version == active else (*self.history, active)
        if is_rollback and version in history:  # what was left is not gone back to
            history = history[: history.index(version)]
        return Index(version, history, self.last_number)

    def write(self, root: Path) -> None:
        """Replace a store's index.

        Raises:
            OSError: it cannot be written; the one that was there before is untouched.
        """
        data = {"active": self.active, "history": list(self.history[-_HISTORY:]), "last_number": self.last_number}
        durable.write_json(root / INDEX_FILE, data)


def read_index(root: Path, has_versions: bool) -> tuple[Index, str]:
    """Read a store's index; where that fails, it is an empty one.

    Args:
        root: the store's folder.
        has_versions: whether there has to be an index.

    Returns:
        the index, and what is wrong with it; empty if nothing is.
    """
    path = root / INDEX_FILE
    try:
        return Index.from_dict(read_object(path)), ""
    except FileNotFoundError:
        return Index(), f"{path} is missing" if has_versions else ""
    except (OSError, ValueError) as error:
        return Index(), f"{path} cannot be read ({error})"
