# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The store itself: versions in, one of them active, old ones out.

    STORE/index.json         which version is active, and which were before
    STORE/versions/v0001/    a model folder with version.json, never changed once it has this name; active.json beside
                             them says that it was active
    STORE/jobs/JOB_ID/       what the jobs keep (not read here)
    STORE/.lock              held by the one process that writes

Readers take no lock: an index is replaced in one step, and a version appears and goes in one step. Names that begin
with a dot are unfinished or doomed; the next writer removes them. All of it is for its owner alone: jobs keep frames.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from madm_model.io import durable
from madm_model.model_config import ModelError
from madm_model.store.index import BASE, INDEX_FILE, Index, read_index
from madm_model.store.version import (
    VersionInfo,
    fault,
    is_version_name,
    mark_active,
    read_info,
    training_start,
    unmark_active,
    was_active,
    write_info,
)

_LOCK_TIMEOUT_S = 30.0
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
"""Of the lock, too: whoever may open it can hold it, and keep everybody from going back."""

logger = logging.getLogger(__name__)


class StoreError(Exception):
    """The store cannot do what was asked; the message says why and what to do."""


class ActiveChanged(StoreError):
    """Another version is active than the one that was to be replaced."""


@dataclass(frozen=True)
class Snapshot:
    """What a reader sees at one moment."""

    active: str
    """Name of the active version."""
    folder: Path
    """Its model folder."""
    versions: tuple[str, ...]
    """All valid versions, oldest first; `BASE` is the first."""
    note: str = ""
    """Why the active version is not the one that was made active last; empty if it is."""


class VersionStore:
    """Versions of one model, for one sensor.

    Args:
        root: the store's folder; made by the first write.
        base: folder of the model that is active until something better is, and that never goes away.
        keep: how many versions are kept, the newest; at least 1. The active version, the one before it and the base
            are kept in any case.
    """

    def __init__(self, root: Path, base: Path, keep: int = 5) -> None:
        if keep < 1:
            raise ValueError("keep must be at least 1 version")
        self.root, self.base, self._keep = Path(root), Path(base), keep
        self._versions = self.root / "versions"

    def prepare(self) -> None:
        """Make the store's folder, so that one that cannot be written to is known of at once.

        Raises:
            StoreError: it cannot be made or written to.
        """
        with self._writing():
            pass

    def read(self) -> Snapshot:
        """The active version and all others. Never fails and never waits: at worst the base is active."""
        index, note = self._read_index()
        versions = self._valid_versions()
        active = index.active
        if active not in versions:
            note = f"version {active} cannot be used ({fault(self._versions / active)})"
        if note:
            active = self._stand_in(index, versions)
            note += f": {active} is active in its place"
        return Snapshot(active, self.folder(active), versions, note)

    def folder(self, version: str) -> Path:
        """The model folder of a version."""
        return self.base if version == BASE else self._versions / version

    def training_folder(self, version: str) -> Path:
        """The model folder that an adaptation of a version starts from: of a student its teacher's."""
        return training_start(self.folder(version))

    def info(self, version: str) -> VersionInfo:
        """What is known about a version.

        Raises:
            ModelError: its folder is damaged.
        """
        return VersionInfo(BASE, "", "", "") if version == BASE else read_info(self._versions / version)

    def newest(self) -> str:
        """The version that was written last.

        Raises:
            StoreError: there is none but the base.
        """
        versions = self.read().versions
        if len(versions) == 1:
            raise StoreError(f"{self.root} has no version but the base: adapt one first")
        return versions[-1]

    def add(self, save: Callable[[Path], object], make_info: Callable[[str], VersionInfo]) -> str:
        """Write a new version; it is not made active.

        Args:
            save: writes a model folder, given its path.
            make_info: describes the version, given its name.

        Returns:
            the version's name.

        Raises:
            StoreError: the disk is full or cannot be written to; the store is as it was before.
            ModelError: whatever `save` raises, with the same effect.
        """
        with self._writing():
            index, damage = self._read_index()
            active = self.read().active
            if damage:  # the index that is written now is whole: what stood in for its active version stays active
                logger.warning("%s: %s stays active", damage, active)
                index = Index(active)
            number = max([index.last_number, *(int(name[1:]) for name in self._folders())]) + 1
            name = f"v{number:04d}"
            temporary = self._versions / f".writing-{name}"
            try:
                durable.private_folder(temporary)
                save(temporary)
                write_info(temporary, make_info(name))
                for file in temporary.rglob("*"):
                    file.chmod(_FOLDER_MODE if file.is_dir() else _FILE_MODE)
                # Before the version: where there are versions, there is an index.
                Index(index.active, index.history, number).write(self.root)
                durable.publish(temporary, self._versions / name)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            try:
                self._prune({name, active})
            except OSError as error:  # the version is there, whatever becomes of older ones
                logger.warning("older versions of %s cannot be removed: %s", self.root, error)
        return name

    def activate(self, version: str, in_place_of: str = "") -> Snapshot:
        """Make a version the active one.

        Args:
            version: its name.
            in_place_of: the version it was compared with and is to replace; empty for whichever is active.

        Raises:
            ActiveChanged: that version is not active any more; the active one stays.
            StoreError: there is no such version, its files are damaged, or the index cannot be written.
        """
        with self._writing():
            if in_place_of and (active := self.read().active) not in (in_place_of, version):
                raise ActiveChanged(f"{active} was made active in place of {in_place_of} meanwhile")
            return self._activate(version)

    def rollback(self, version: str = "") -> Snapshot:
        """Make an earlier version the active one.

        Args:
            version: its name; empty for the one that was active before, which is the base if nothing was.

        Raises:
            StoreError: as `activate`, or the base is active already.
        """
        with self._writing():
            if not version:
                present = self.read()
                if present.active == BASE:
                    raise StoreError("the base version is active: there is nothing to go back to")
                history = self._read_index()[0].history
                earlier = [name for name in history if name in present.versions and name != present.active]
                version = earlier[-1] if earlier else BASE
            return self._activate(version, is_rollback=True)

    def _activate(self, version: str, is_rollback: bool = False) -> Snapshot:
        present, index = self.read(), self._read_index()[0]
        if version not in present.versions:
            raise StoreError(f"there is no version '{version}': use one of {', '.join(present.versions)}")
        if version != BASE and (reason := fault(self._versions / version, with_checksums=True)):
            raise StoreError(f"version {version} is not activated: {reason}")
        if version != index.active or present.note:  # with a note, the index does not say what is active
            changed = index.with_active(version, present.active, is_rollback)
            if version != BASE:
                mark_active(self.folder(version))
            changed.write(self.root)
            if is_rollback:
                left = {present.active} | (set(index.history) - set(changed.history))
                for name in left - {version, BASE}:
                    unmark_active(self.folder(name))
        # Not read again: a disk that fails by now changes nothing about what is active.
        return Snapshot(version, self.folder(version), present.versions)

    # ---- reading ----

    def _stand_in(self, index: Index, versions: tuple[str, ...]) -> str:
        """What is active when the index cannot say.

        The latest active version; without one, the newest that passed its gate and was active. One that was only kept
        does not go live by itself.
        """
        fit = [name for name in versions if self._is_fit(name)]
        return next((name for name in reversed(index.history) if name in versions), fit[-1])

    def _is_fit(self, version: str) -> bool:
        with contextlib.suppress(ModelError, OSError):
            if version == BASE:
                return True
            return bool(self.info(version).gate.get("passed")) and was_active(self.folder(version))
        return False

    def _folders(self) -> list[str]:
        try:
            names = [entry.name for entry in self._versions.iterdir() if is_version_name(entry.name)]
            return sorted(names, key=lambda name: (len(name), name))
        except OSError:  # not there yet, or not to be reached for the moment
            return []

    def _valid_versions(self) -> tuple[str, ...]:
        return (BASE, *(name for name in self._folders() if not fault(self._versions / name)))

    def _read_index(self) -> tuple[Index, str]:
        return read_index(self.root, has_versions=bool(self._folders()))

    # ---- writing ----

    def _prune(self, in_use: set[str]) -> None:
        index = self._read_index()[0]
        protected = {*in_use, index.active, *index.history[-1:]}
        names = self._folders()
        for name in names[: -self._keep]:
            if name not in protected:
                durable.remove_folder(self._versions / name)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Be the one writer, and remove what a killed one left.

        Raises:
            StoreError: another process writes for too long, or the disk refuses.
        """
        try:
            durable.private_folder(self._versions)
            with os.fdopen(os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, _FILE_MODE), "r+") as lock:
                with contextlib.suppress(PermissionError):  # another user's
                    os.fchmod(lock.fileno(), _FILE_MODE)
                _wait_for(lock.fileno(), self.root)
                self._clean()
                yield
        except OSError as error:
            raise _store_error(self.root, error) from None

    def _clean(self) -> None:
        for folder, pattern in ((self._versions, ".*"), (self.root, f".{INDEX_FILE}.*")):
            for left_over in folder.glob(pattern):
                logger.info("removing %s, which an interrupted write left", left_over)
                shutil.rmtree(left_over, ignore_errors=True)
                if not left_over.is_dir():
                    left_over.unlink(missing_ok=True)


def _wait_for(descriptor: int, root: Path) -> None:
    deadline = time.monotonic() + _LOCK_TIMEOUT_S
    while True:
        try:
            # The kernel lets go of it when the process ends, however it ends.
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreError(f"another process is writing to {root}: try again when it is done") from None
            time.sleep(0.05)


def _store_error(root: Path, error: OSError) -> StoreError:
    if durable.is_disk_full(error):
        return StoreError(f"no space left in {root} ({os.strerror(error.errno)}): free some and try again")
    return StoreError(f"{root} cannot be written ({error.strerror or error}): check the folder's permissions")
