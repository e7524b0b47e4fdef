# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Stores for loops that need no network."""

from __future__ import annotations

import os
from pathlib import Path

from madm_model.store import BASE, VersionInfo, VersionStore
from madm_model.store.version import fault


def make_store(folder: str, keep: int = 3) -> VersionStore:
    """An empty store in a folder."""
    return VersionStore(Path(folder) / "store", Path(folder) / "base", keep)


def add(store: VersionStore, size: int = 1000) -> str:
    """Add a version that passed its gate, with weights of so many bytes."""

    def save(folder: Path) -> None:
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(os.urandom(size))

    return store.add(save, lambda name: VersionInfo(name, BASE, "job", "thermal", gate={"passed": True}))


def check_whole(store: VersionStore) -> None:
    """Fail unless the index says what is active and every version that is offered is whole."""
    snapshot = VersionStore(store.root, store.base).read()
    assert snapshot.note == "", snapshot.note
    broken = [fault(store.folder(name), with_checksums=True) for name in snapshot.versions[1:]]
    assert not any(broken), broken
