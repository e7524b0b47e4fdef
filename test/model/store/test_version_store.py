# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The version store: writing, activating, pruning, falling back, and being killed on the way."""

from __future__ import annotations

import errno
import json
import os
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kill_samples import kill_after, start_child
from safetensors.numpy import save_file

from madm_model.io import durable
from madm_model.model_config import ModelError
from madm_model.store import BASE, ActiveChanged, StoreError, VersionInfo, VersionStore
from madm_model.store.version import checksum, checksums, fault

KILLS = 25


def save(folder: Path, size: int = 2000) -> None:
    """Stands for save_model: a configuration and some weights."""
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(os.urandom(size))


def info(passed: bool = True):
    return lambda version: VersionInfo(version, BASE, "job", "thermal", gate={"passed": passed})


@pytest.fixture
def store(tmp_path) -> VersionStore:
    return VersionStore(tmp_path / "store", tmp_path / "base", keep=3)


def add(store: VersionStore, activate: bool = False, passed: bool = True) -> str:
    version = store.add(save, info(passed))
    if activate:
        store.activate(version)
    return version


def test_an_empty_store_has_the_base_active_and_reading_writes_nothing(store) -> None:
    snapshot = store.read()
    assert (snapshot.active, snapshot.folder, snapshot.versions, snapshot.note) == (BASE, store.base, (BASE,), "")
    assert not store.root.exists()


def test_a_new_version_is_whole_described_and_not_active(store) -> None:
    version = add(store)
    assert store.read().active == BASE
    assert store.read().versions == (BASE, "v0001")
    assert fault(store.folder(version), with_checksums=True) == ""
    assert store.info(version).parent == BASE
    assert store.info(version).job_id == "job"


def save_pair(folder: Path) -> None:
    """A student with its teacher."""
    save(folder)
    (folder / "teacher").mkdir()
    save(folder / "teacher")


def test_a_student_comes_and_goes_with_its_teacher(store) -> None:
    alone, pair = add(store), store.add(save_pair, info())
    assert store.training_folder(alone) == store.folder(alone)
    assert store.training_folder(BASE) == store.base
    teacher = store.training_folder(pair)
    assert teacher == store.folder(pair) / "teacher"
    assert {path.stat().st_mode & 0o777 for path in teacher.iterdir()} == {0o600}
    assert teacher.stat().st_mode & 0o777 == 0o700
    for _ in range(3):
        add(store)
    assert not teacher.exists()


@pytest.mark.parametrize("keep_size", [True, False])
def test_a_damaged_teacher_is_the_versions_fault(store, keep_size) -> None:
    version = store.add(save_pair, info())
    weights = store.training_folder(version) / "model.safetensors"
    assert checksums(weights.parent)["model.safetensors"] == checksum(weights)
    weights.write_bytes(os.urandom(2000 if keep_size else 1000))
    with pytest.raises(StoreError, match=r"teacher/model.safetensors|there is no version 'v0001'"):
        store.activate(version)
    assert (version in store.read().versions) == keep_size


def test_activate_and_roll_back_step_by_step(store) -> None:
    for _ in range(3):
        add(store, activate=True)
    assert store.read().active == "v0003"
    assert store.read().folder == store.root / "versions" / "v0003"
    assert [store.rollback().active for _ in range(3)] == ["v0002", "v0001", BASE]
    with pytest.raises(StoreError, match="nothing to go back to"):
        store.rollback()


def test_after_a_rollback_a_new_version_goes_back_to_the_one_before(store) -> None:
    add(store, activate=True)
    add(store, activate=True)
    store.rollback()
    assert store.activate(add(store)).active == "v0003"
    assert store.rollback().active == "v0001"


def test_rollback_to_a_named_version(store) -> None:
    for _ in range(3):
        add(store, activate=True)
    assert store.rollback("v0001").active == "v0001"
    assert store.rollback().active == BASE
    with pytest.raises(StoreError, match="no version 'v0009': use one of base, v0001, v0002, v0003"):
        store.rollback("v0009")


def test_pruning_keeps_the_newest_the_active_and_the_one_before(store) -> None:
    add(store, activate=True)
    add(store, activate=True)
    for _ in range(5):
        add(store)
    assert store.read().versions == (BASE, "v0001", "v0002", "v0005", "v0006", "v0007")
    store.rollback(BASE)
    add(store)
    assert store.read().versions == (BASE, "v0006", "v0007", "v0008")


def test_numbers_are_not_used_twice(store) -> None:
    for _ in range(2):
        add(store)
    durable.remove_folder(store.folder("v0002"))
    assert add(store) == "v0003"


def test_a_missing_active_version_falls_back_to_the_one_before_and_says_so(store) -> None:
    add(store, activate=True)
    add(store, activate=True)
    add(store)
    durable.remove_folder(store.folder("v0002"))
    snapshot = store.read()
    assert snapshot.active == "v0001"
    assert "v0002 cannot be used" in snapshot.note
    assert "v0001 is active in its place" in snapshot.note


WRONG_INDICES = [
    *("", "{", "[]", '{"active": "v0002"}', '{"active": 1, "history": 2}', "\xff\x00", "[" * 100_000),
    '{"active": "v0002", "history": [], "last_number": Infinity}',
    '{"active": "v0002", "history": [], "last_number": 1e9}',
    '{"active": "v\\u0000", "history": [], "last_number": 2}',
    '{"active": "v0002", "history": ["../x"], "last_number": 2}',
]


@pytest.mark.parametrize("content", WRONG_INDICES, ids=range(len(WRONG_INDICES)))
def test_a_damaged_index_falls_back_to_the_newest_version_that_passed(store, content) -> None:
    add(store, activate=True)
    add(store, activate=True)
    add(store, passed=False)
    (store.root / "index.json").write_bytes(content.encode("latin-1"))
    snapshot = store.read()
    assert snapshot.active == "v0002"
    assert "index.json cannot be read" in snapshot.note
    assert store.activate("v0001").note == ""


def test_a_deleted_index_is_told_and_the_next_write_makes_it_whole(store) -> None:
    add(store, activate=True)
    (store.root / "index.json").unlink()
    snapshot = store.read()
    assert snapshot.active == "v0001"
    assert snapshot.note == f"{store.root / 'index.json'} is missing: v0001 is active in its place"
    add(store, passed=False)
    assert (store.read().active, store.read().note) == ("v0001", "")


def test_without_an_index_what_was_only_kept_does_not_go_live(store) -> None:
    add(store, activate=True)
    add(store)
    (store.root / "index.json").unlink()
    assert store.read().active == "v0001"
    store.activate("v0002")
    (store.root / "index.json").unlink()
    assert store.read().active == "v0002"


@pytest.mark.parametrize("target", ["v0001", BASE])
def test_without_an_index_what_was_gone_back_from_does_not_go_live(store, target) -> None:
    for _ in range(3):
        add(store, activate=True)
    store.rollback(target)
    (store.root / "index.json").unlink()
    assert store.read().active == target


def damage_index(store: VersionStore) -> None:
    (store.root / "index.json").write_text("{")


def test_with_a_damaged_index_a_rollback_still_goes_back(store) -> None:
    add(store, activate=True)
    damage_index(store)
    assert store.rollback(BASE).active == BASE
    assert (store.read().active, store.read().note) == (BASE, "")


def test_with_a_damaged_index_a_new_version_leaves_the_stand_in_active(tmp_path) -> None:
    store = VersionStore(tmp_path / "store", tmp_path / "base", keep=1)
    add(store, activate=True)
    damage_index(store)
    assert store.read().active == "v0001"
    assert add(store, passed=False) == "v0002"
    snapshot = store.read()
    assert (snapshot.active, snapshot.versions, snapshot.note) == ("v0001", (BASE, "v0001", "v0002"), "")


def test_the_stand_in_of_a_missing_version_is_not_pruned(tmp_path) -> None:
    store = VersionStore(tmp_path / "store", tmp_path / "base", keep=1)
    for _ in range(3):
        add(store, activate=True)
    (store.folder("v0003") / "model.safetensors").unlink()
    assert store.read().active == "v0002"
    add(store)
    assert store.read().active == "v0002"


def test_a_version_takes_over_only_from_the_one_it_was_compared_with(store) -> None:
    first, second = add(store, activate=True), add(store)
    store.rollback(BASE)
    with pytest.raises(ActiveChanged, match="base was made active in place of v0001 meanwhile"):
        store.activate(second, in_place_of=first)
    assert store.read().active == BASE
    assert store.activate(second, in_place_of=BASE).active == second
    assert store.activate(second, in_place_of=BASE).active == second  # once more, after an interruption


def test_a_truncated_version_is_not_offered(store) -> None:
    version = add(store)
    weights = store.folder(version) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert store.read().versions == (BASE,)
    with pytest.raises(StoreError, match="no version 'v0001'"):
        store.activate(version)


def test_a_version_with_flipped_bits_is_not_activated(store) -> None:
    version = add(store)
    weights = store.folder(version) / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[7] ^= 1
    weights.write_bytes(data)
    with pytest.raises(StoreError, match="its checksum differs"):
        store.activate(version)
    assert store.read().active == BASE


@pytest.mark.parametrize(
    "content", ["{", "[" * 100_000, {"gate": None}, {"files": None}, {"created": 1}, {"files": {"\0": {}, "b": {}}}]
)
def test_a_damaged_description_leaves_the_other_versions(store, content) -> None:
    add(store, activate=True)
    path = store.folder(add(store)) / "version.json"
    if isinstance(content, dict):
        content = json.dumps(json.loads(path.read_text()) | content)
    path.write_text(content)
    assert store.read().versions == (BASE, "v0001")
    with pytest.raises(StoreError, match="no version 'v0002'"):
        store.activate("v0002")
    (store.root / "index.json").unlink()
    assert store.read().active == "v0001"


def test_folders_that_are_no_versions_are_left_alone(store) -> None:
    for name in ("v\u00b2", "v0001-copy", "v99999999999"):
        (store.root / "versions" / name).mkdir(parents=True)
    assert add(store) == "v0001"
    assert store.read().versions == (BASE, "v0001")
    assert len(list((store.root / "versions").iterdir())) == 4


def failing_sync(monkeypatch, fails: Callable[[Path], bool]) -> None:
    """A disk that loses its connection: an answer comes for some files alone."""
    sync = durable.sync

    def failing(path: Path) -> None:
        if fails(path):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        sync(path)

    monkeypatch.setattr(durable, "sync", failing)


def test_what_took_effect_is_not_reported_as_failed(store, monkeypatch, caplog) -> None:
    for _ in range(3):
        add(store)
    failing_sync(monkeypatch, lambda path: path in (store.root, store.root / "versions"))
    assert add(store) == "v0004"
    assert store.activate("v0004").active == "v0004"
    assert store.rollback().active == BASE
    assert "is in effect, but may be lost with the power" in caplog.text
    assert VersionStore(store.root, store.base).read().versions == (BASE, "v0002", "v0003", "v0004")


def test_what_is_active_is_told_though_the_disk_is_gone_by_then(store, monkeypatch) -> None:
    version = add(store)
    write_json = durable.write_json

    def write_and_go(*arguments: object) -> None:
        write_json(*arguments)
        monkeypatch.setattr(Path, "iterdir", lambda path: (_ for _ in ()).throw(OSError(errno.ESTALE, "stale")))

    monkeypatch.setattr(durable, "write_json", write_and_go)
    assert store.activate(version).active == version


def test_what_is_reported_as_failed_took_no_effect(store, monkeypatch) -> None:
    add(store, activate=True)
    before = (store.root / "index.json").read_text()
    for name in ("index.json", ".writing-v0002", "model.safetensors"):
        with monkeypatch.context() as patched:
            failing_sync(patched, lambda path, name=name: name in path.name)
            with pytest.raises(StoreError, match="Input/output error"):
                store.activate(store.add(save, info()))
        assert store.read().versions == (BASE, "v0001")
        assert store.read().active == "v0001"
    assert json.loads(before)["active"] == json.loads((store.root / "index.json").read_text())["active"]


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_store_is_for_its_owner_alone(store, umask) -> None:
    before = os.umask(umask)
    try:
        add(store, activate=True)
        store.rollback()
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o777 for path in [store.root, *store.root.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_a_lock_that_others_could_hold_is_closed_to_them(store) -> None:
    add(store)
    (store.root / ".lock").chmod(0o644)
    add(store)
    assert (store.root / ".lock").stat().st_mode & 0o777 == 0o600


def test_a_written_file_removes_what_killed_writers_left(tmp_path) -> None:
    killed, other = tmp_path / ".state.json.999999999.tmp", tmp_path / f".state.json.{os.getppid()}.tmp"
    for path in (killed, other):
        path.write_text("{")
    durable.write_json(tmp_path / "state.json", {})
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, "state.json"]


def test_left_overs_are_ignored_by_readers_and_removed_by_the_next_writer(store) -> None:
    add(store)
    left_overs = [store.root / "versions" / ".writing-v0002", store.root / "versions" / ".removed-v0000"]
    for folder in left_overs:
        folder.mkdir()
        save(folder)
    (store.root / ".index.json.4.tmp").write_text("{")
    assert store.read().versions == (BASE, "v0001")
    add(store)
    assert not any(folder.exists() for folder in left_overs)
    assert not list(store.root.glob(".index*"))


@pytest.mark.parametrize("failing", ["save", "sync", "write_json"])
def test_a_full_disk_leaves_the_store_as_it_was(store, monkeypatch, failing) -> None:
    add(store, activate=True)
    before = store.read()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if failing != "save":
        monkeypatch.setattr(durable, failing, full)
    with pytest.raises(StoreError, match=r"no space left .* free some"):
        store.add(full if failing == "save" else save, info())
    monkeypatch.undo()
    after = store.read()
    assert (after.active, after.note) == (before.active, "")
    assert not list((store.root / "versions").glob(".*"))
    assert add(store) in ("v0002", "v0003")


def test_a_full_disk_while_activating_leaves_the_active_version(store, monkeypatch) -> None:
    version = add(store)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(durable, "sync", full)
    with pytest.raises(StoreError, match="no space left"):
        store.activate(version)
    assert store.read().active == BASE
    assert not list(store.root.glob(".index*"))


def test_an_error_of_the_model_writer_is_passed_on(store) -> None:
    def fail(folder: Path) -> None:
        raise ModelError("cannot write")

    with pytest.raises(ModelError, match="cannot write"):
        store.add(fail, info())
    assert store.read().versions == (BASE,)


def test_a_reader_does_not_wait_for_a_writer(store) -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(folder: Path) -> None:
        entered.set()
        assert release.wait(20)
        save(folder)

    writer = threading.Thread(target=store.add, args=(slow, info()))
    writer.start()
    assert entered.wait(20)
    assert VersionStore(store.root, store.base).read().versions == (BASE,)
    release.set()
    writer.join()
    assert store.read().versions == (BASE, "v0001")


def test_writers_take_turns(store) -> None:
    threads = [threading.Thread(target=add, args=(VersionStore(store.root, store.base, keep=20),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read().versions == (BASE, *(f"v000{number}" for number in range(1, 7)))


def _write_forever(root: Path, base: Path) -> None:
    """What a child does until it is killed: everything that changes a store."""
    store = VersionStore(root, base, keep=2)
    for turn in range(1_000_000):
        store.activate(store.add(lambda folder: save(folder, 200_000), info()))
        if turn % 4 == 3:
            store.rollback()


def test_a_writer_killed_at_any_moment_leaves_a_valid_store(store) -> None:
    moments, before = random.Random(7), 0
    for _ in range(KILLS):
        child = start_child(_write_forever, store.root, store.base)
        index = store.root / "index.json"
        deadline = time.monotonic() + 60
        while not index.exists() or index.stat().st_mtime_ns == before:
            assert child.is_alive()
            assert time.monotonic() < deadline
        assert kill_after(child, moments.uniform(0, 0.05))
        before = index.stat().st_mtime_ns
        snapshot = store.read()
        assert snapshot.note == ""
        assert snapshot.active == json.loads(index.read_text())["active"]
        assert all(fault(store.folder(name), with_checksums=True) == "" for name in snapshot.versions[1:])
        assert store.activate(BASE).active == BASE
        before = index.stat().st_mtime_ns
    store.add(save, info())
    assert not list((store.root / "versions").glob(".*"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_by_activate_and_rollback(store, value) -> None:
    def save_broken(folder: Path) -> None:
        save(folder)
        tensors = {"sound": np.ones(3, np.float16), "broken": np.array([1, value], np.float16)}
        save_file(tensors, folder / "model.safetensors")

    good, broken = add(store, activate=True), store.add(save_broken, info())
    for refused in (store.activate, store.rollback):
        with pytest.raises(StoreError, match=rf"{broken} is not activated: .* not finite \(broken\).*use another"):
            refused(broken)
    assert store.read().active == good
