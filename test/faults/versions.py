# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Files of a store's versions, damaged: found when the version is loaded, activated or read about."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from adaptation_samples import write_model

from faults.bytes import damage
from faults.report import Tally
from madm_model.checkpoint.model_folder import load_model
from madm_model.model_config import ModelError
from madm_model.store import BASE, StoreError, VersionInfo, VersionStore


def run(seed: int, count: int) -> Tally:
    """Damage, remove or exchange a file of the active version; what loads has the weights that were saved."""
    tally, chance = Tally("versions"), random.Random(seed)
    with TemporaryDirectory() as name:
        store = VersionStore(Path(name) / "store", write_model(Path(name) / "base"))
        for model in (1, 2):
            store.activate(
                store.add(
                    lambda folder, model=model: write_model(folder, model),
                    lambda name: VersionInfo(name, BASE, "", "thermal", gate={"passed": True}),
                )
            )
        folder = store.folder("v0002")
        weights = load_model(folder)[0].state_dict()
        whole = Path(name) / "whole"
        shutil.copytree(folder, whole)
        for number in range(count):
            what = _damage(folder, chance)
            with tally.fault(f"seed {seed}, fault {number}: {what}"):
                _check(store, weights)
            shutil.rmtree(folder)
            shutil.copytree(whole, folder)
    return tally


def _damage(folder: Path, chance: random.Random) -> str:
    path = folder / chance.choice(["config.json", "model.safetensors", "version.json"])
    kind = chance.choice(["bytes", "bytes", "bytes", "missing", "exchanged"])
    if kind == "bytes":
        what, content = damage(path.read_bytes(), chance)
        path.write_bytes(content)
        return f"{path.name}: {what}"
    path.unlink()
    if kind == "exchanged":
        shutil.copy(folder.parent / "v0001" / path.name, path)
    return f"{path.name} is {kind}"


def _check(store: VersionStore, weights: dict[str, torch.Tensor]) -> None:
    snapshot = store.read()
    assert snapshot.active in ("v0002", "v0001"), f"{snapshot.active} is active"
    try:
        network, _ = load_model(store.folder("v0002"))
    except ModelError:
        try:
            store.activate("v0002")
        except StoreError:
            pass
        else:
            raise AssertionError("it is activated, but cannot be loaded")
        load_model(store.folder("v0001"))
    else:
        loaded = network.state_dict()
        assert all(torch.equal(loaded[name], weights[name]) for name in weights), "other weights were loaded"
