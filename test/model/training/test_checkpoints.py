# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Checkpoints of a training: whatever is damaged in the last one, training goes on from a whole one."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path

import pytest
import torch

from madm_model.io import durable
from madm_model.training.checkpoints import Checkpoints


def state(iteration: int) -> dict:
    torch.manual_seed(iteration)
    return {"modules": {"weight": torch.randn(40, 50)}, "iteration": iteration, "seconds": 0.5}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    """Two of them."""
    checkpoints = Checkpoints(tmp_path, "training")
    for iteration in (1, 2):
        checkpoints.save(state(iteration))
    return checkpoints


def assert_is(found: dict | None, iteration: int) -> None:
    assert found is not None
    assert found["iteration"] == iteration
    assert torch.equal(found["modules"]["weight"], state(iteration)["modules"]["weight"])


def test_the_last_one_is_read_and_the_one_before_is_kept(checkpoints, tmp_path) -> None:
    assert_is(checkpoints.load(), 2)
    checkpoints.save(state(3))
    assert_is(checkpoints.load(mmap=True), 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["training.previous.pt", "training.pt"]


def test_a_bit_flipped_anywhere_is_either_harmless_or_falls_back_to_the_one_before(checkpoints, tmp_path) -> None:
    last, previous = tmp_path / "training.pt", tmp_path / "training.previous.pt"
    whole, before = last.read_bytes(), previous.read_bytes()
    places, fallen_back = random.Random(4), 0
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[places.randrange(len(whole))] ^= 1 << places.randrange(8)
        last.write_bytes(damaged)
        previous.write_bytes(before)
        found = checkpoints.load()
        fallen_back += found["iteration"] == 1
        assert_is(found, found["iteration"])
    assert fallen_back > 40


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: data[:9] + bytes(4096) + data[4105:], bytes])
def test_cuts_and_holes_fall_back_to_the_one_before(checkpoints, tmp_path, damage, caplog) -> None:
    path = tmp_path / "training.pt"
    data = path.read_bytes()
    path.write_bytes(damage(data) if damage is not bytes else bytes(len(data)))
    assert_is(checkpoints.load(), 1)
    assert f"{path} is damaged and left out" in caplog.text
    assert not path.exists()


def test_with_all_of_them_damaged_training_begins_anew(checkpoints, tmp_path) -> None:
    for path in tmp_path.iterdir():
        path.write_bytes(b"PK")
    assert checkpoints.load() is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("failing", ["save", "sync"])
def test_a_disk_that_fails_leaves_the_last_one(checkpoints, tmp_path, monkeypatch, failing) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(torch if failing == "save" else durable, failing, fail)
    with pytest.raises(OSError, match="Input/output error"):
        checkpoints.save(state(3))
    assert_is(checkpoints.load(), 2)
    assert [path.name for path in tmp_path.iterdir()] == ["training.pt"]


def test_what_is_saved_is_on_the_disk_before_it_has_its_name(checkpoints, tmp_path, monkeypatch) -> None:
    synced: list[tuple[str, int]] = []
    monkeypatch.setattr(durable, "sync", lambda path: synced.append((path.name, checkpoints.load()["iteration"])))
    checkpoints.save(state(3))
    assert synced[0] == (".training.pt.unfinished", 2)
    assert synced[-1] == (tmp_path.name, 3)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, os.strerror(errno.EIO)),
        OSError(errno.EMFILE, os.strerror(errno.EMFILE)),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"),
        RuntimeError("unable to mmap 8 bytes from file <training.pt>: Cannot allocate memory (12)"),
    ],
)
def test_what_cannot_be_read_for_want_of_something_else_is_not_damaged(
    checkpoints, tmp_path, monkeypatch, error
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", fail)
        with pytest.raises(type(error)):
            checkpoints.load()
    assert_is(checkpoints.load(), 2)
    assert len(list(tmp_path.iterdir())) == 2
