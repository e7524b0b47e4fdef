# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A small disk, really mounted and filled to some last bytes, while a store and checkpoints are written."""

from __future__ import annotations

import contextlib
import random
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from conftest import SmallDisk

from faults.report import Tally
from faults.stores import add, check_whole, make_store
from madm_model.store import StoreError
from madm_model.training.checkpoints import Checkpoints


def run(seed: int, count: int) -> Tally:
    """Leave a random number of bytes; nothing is tried where nothing can be mounted."""
    tally, chance = Tally("full_disk"), random.Random(seed)
    with TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            return tally
        try:
            _fill(tally, seed, chance, folder, count)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
    return tally


def _fill(tally: Tally, seed: int, chance: random.Random, folder: str, count: int) -> None:
    disk, store = SmallDisk(Path(folder)), make_store(folder)
    checkpoints, kept = Checkpoints(Path(folder), "training"), 0
    store.activate(add(store, 100_000))
    checkpoints.save(_state(kept))
    for number in range(count):
        left = int(10 ** chance.uniform(0, 6))
        with tally.fault(f"seed {seed}, fault {number}: {left} bytes left"):
            active, told = store.read().active, ""
            disk.fill(left)
            try:
                with contextlib.suppress(StoreError):
                    told = store.activate(add(store, 100_000)).active
                with contextlib.suppress(OSError, RuntimeError):
                    checkpoints.save(_state(number + 1))
                    kept = number + 1
            finally:
                disk.free()
            assert store.read().active == (told or active), "another version is active than was reported"
            check_whole(store)
            state = checkpoints.load()
            assert state is not None and state["iteration"] == kept, "the last checkpoint is gone"


def _state(iteration: int) -> dict:
    return {"weight": torch.full((200, 200), float(iteration)), "iteration": iteration}
