# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Disks that are full, read-only or lose their connection at any call: what is reported is what happened."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from faults.report import Tally
from faults.stores import add, check_whole, make_store
from madm_model.jobs.request import JobFolder
from madm_model.jobs.state import JobState
from madm_model.store import StoreError, VersionStore

_CALLS = [(os, "fsync"), (os, "open"), (Path, "rename"), (Path, "replace"), (Path, "write_text"), (Path, "mkdir")]
_CALLS += [(Path, "write_bytes"), (Path, "chmod"), (Path, "unlink"), (Path, "iterdir"), (Path, "stat")]
_ERRORS = [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EMFILE, errno.ESTALE]


def run(seed: int, count: int) -> Tally:
    """Let one call of the system fail, or all from one on, while a store or a job's state is written."""
    tally, chance = Tally("disk"), random.Random(seed)
    with TemporaryDirectory() as folder:
        store = make_store(folder)
        for _ in range(2):
            store.activate(add(store))
        (store.root / "jobs" / "job").mkdir(parents=True)
        JobFolder(store.root, "job").write_state(JobState())
        for number in range(count):
            operation = chance.choice([_add, _activate, _roll_back, _keep_state])
            holder, name = chance.choice(_CALLS)
            first, for_good, code = chance.randrange(6), chance.random() < 0.5, chance.choice(_ERRORS)
            what = f"call {first}{' and all after' * for_good} of {name} gives {errno.errorcode[code]}"
            with tally.fault(f"seed {seed}, fault {number}: {operation.__name__[1:]}, {what}"):
                operation(store, lambda call=(holder, name, first, for_good, code): _failing(*call))
                check_whole(store)
    return tally


@contextmanager
def _failing(holder: Any, name: str, first: int, for_good: bool, code: int) -> Iterator[None]:
    real, calls = getattr(holder, name), 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls - 1 == first or (for_good and calls > first):
            raise OSError(code, os.strerror(code), str(arguments[0]))
        return real(*arguments, **named)

    with mock.patch.object(holder, name, call):
        yield


Disk = Callable[[], Any]


def _add(store: VersionStore, failing: Disk) -> None:
    before = store.read()
    added = ""
    try:
        with failing():
            added = add(store)
    except StoreError:
        pass
    after = store.read()
    assert after.active == before.active, "another version is active"
    new = set(after.versions) - set(before.versions)
    assert new == ({added} if added else set()), f"{added or 'failure'} was reported, {new or 'nothing'} is there"


def _activate(store: VersionStore, failing: Disk) -> None:
    before = store.read()
    _change(store, failing, lambda: store.activate(random.Random(len(before.versions)).choice(before.versions)))


def _roll_back(store: VersionStore, failing: Disk) -> None:
    if store.read().active == "base":
        store.activate(store.read().versions[-1])
    _change(store, failing, store.rollback)


def _change(store: VersionStore, failing: Disk, change: Callable[[], Any]) -> None:
    before, told = store.read().active, None
    try:
        with failing():
            told = change().active
    except StoreError:
        told = before
    active = store.read().active
    assert active == told, f"{told} was reported, {active} is active"


def _keep_state(store: VersionStore, failing: Disk) -> None:
    job = JobFolder(store.root, "job")
    before = int(job.state().message or "0")
    kept = before + 1
    try:
        with failing():
            job.write_state(JobState(message=str(kept)))
    except OSError:
        kept = before
    assert job.state().message == str(kept) or not kept, "what is kept is not what was reported"
