# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Checkpoints of a training, damaged: the last one that is whole is read, or training begins anew."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from faults.bytes import damage
from faults.report import Tally
from madm_model.training.checkpoints import Checkpoints


def run(seed: int, count: int) -> Tally:
    """Damage the last one, now and then both."""
    tally, chance = Tally("checkpoints"), random.Random(seed)
    with TemporaryDirectory() as name:
        folder = Path(name)
        checkpoints = Checkpoints(folder, "training")
        paths = [folder / "training.previous.pt", folder / "training.pt"]
        for iteration in (1, 2):
            checkpoints.save(_state(iteration))
        whole = [path.read_bytes() for path in paths]
        for number in range(count):
            both, told = chance.random() < 0.2, []
            for path, content in zip(paths, whole):
                if both or path == paths[-1]:
                    what, content = damage(content, chance)
                    told.append(f"{path.name}: {what}")
                path.write_bytes(content)
            with tally.fault(f"seed {seed}, fault {number}: {', '.join(told)}"):
                _check(checkpoints, both)
    return tally


def _check(checkpoints: Checkpoints, both: bool) -> None:
    state = checkpoints.load()
    if state is None:
        assert both, "the one before was not used"
        return
    wanted = _state(state["iteration"])
    assert state["seconds"] == wanted["seconds"], "another time was read"
    for name in ("weight", "moment"):
        assert torch.equal(state[name], wanted[name]), "other weights were read"


def _state(iteration: int) -> dict:
    generator = torch.Generator().manual_seed(iteration)
    weight, moment = torch.randn(2, 60, 70, generator=generator)
    return {"weight": weight, "moment": moment.clone(), "iteration": iteration, "seconds": 0.5 * iteration}
