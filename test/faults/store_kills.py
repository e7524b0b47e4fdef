# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Writers of a store, killed at random moments: the store stays whole, and the next writer goes on."""

from __future__ import annotations

import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from kill_samples import kill_after, start_child

from faults.report import Tally
from faults.stores import add, check_whole, make_store
from madm_model.store import BASE, VersionStore


def run(seed: int, count: int) -> Tally:
    """Kill what adds, activates, rolls back and prunes."""
    tally, chance = Tally("store_kills"), random.Random(seed)
    with TemporaryDirectory() as folder:
        store = make_store(folder, keep=2)
        store.activate(add(store))
        index = store.root / "index.json"
        for number in range(count):
            with tally.fault(f"seed {seed}, kill {number}"):
                before = index.stat().st_mtime_ns
                child = start_child(_write_forever, folder)
                deadline = time.monotonic() + 120
                while index.stat().st_mtime_ns == before:
                    assert child.is_alive() and time.monotonic() < deadline, "the writer does nothing"
                    time.sleep(0.002)
                assert kill_after(child, chance.uniform(0, 0.1)), "the writer ended by itself"
                check_whole(store)
                active = store.read().active
                if active != BASE:
                    assert store.activate(active).active == active
        add(store)
        left_over = list((store.root / "versions").glob(".*")) + list(store.root.glob(".index*"))
        if left_over:
            tally.lost.append(f"left behind: {left_over}")
    return tally


def _write_forever(folder: str) -> None:
    store = VersionStore(Path(folder) / "store", Path(folder) / "base", keep=2)
    for turn in range(1_000_000):
        store.activate(add(store, 200_000))
        if turn % 4 == 3:
            store.rollback()
