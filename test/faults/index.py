# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A store's index, damaged in every way that a file can be: the store answers, and the next write makes it whole."""

from __future__ import annotations

import json
import random
from tempfile import TemporaryDirectory

from faults.bytes import damage
from faults.report import Tally
from faults.stores import add, make_store
from madm_model.store import BASE, VersionStore

_VALUES = [
    *("Infinity", "-Infinity", "NaN", "1e999", "9" * 5000, "-1", "1.5", "null", "true", "[]", "{}"),
    *('""', '"v\\u00b2"', '"\\u0000"', '"../../x"', '"base"', '"v9999"', '["v0001", null, 7]'),
    *("[" * 100_000, '{"a":' * 50_000),
]


def run(seed: int, count: int) -> Tally:
    """Damage bytes, or put a value in place of another."""
    tally, chance = Tally("index"), random.Random(seed)
    with TemporaryDirectory() as folder:
        store = make_store(folder)
        for number in range(count):
            version = store.activate(add(store)).active
            path = store.root / "index.json"
            what, content = _damaged(path.read_bytes(), chance)
            path.write_bytes(content)
            with tally.fault(f"seed {seed}, fault {number}: {what}"):
                _check(store, version)
            path.unlink()
            store.activate(version)
    return tally


def _damaged(content: bytes, chance: random.Random) -> tuple[str, bytes]:
    if chance.random() < 0.5:
        return damage(content, chance)
    key, value = chance.choice(["active", "history", "last_number"]), chance.choice(_VALUES)
    text = json.dumps({**json.loads(content), key: "HERE"}).replace('"HERE"', value)
    return f"{key}: {value[:40]}", text.encode()


def _check(store: VersionStore, version: str) -> None:
    assert version in store.read().versions, "a version is gone"
    assert store.read().active in store.read().versions, "what is active is not there"
    added = add(store)
    assert added not in (BASE, version), "a number is given twice"
    snapshot = store.activate(added)
    assert (snapshot.active, snapshot.note) == (added, ""), "the next write does not make it whole"
