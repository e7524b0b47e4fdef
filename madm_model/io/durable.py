# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Writes that survive a crash: a file or folder is either there as a whole or not at all.

A name is given last, after the contents are on the disk, and the folder that holds the name is synced as well.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OWNER_FOLDER, _OWNER_FILE, _OTHERS = 0o700, 0o600, 0o077

logger = logging.getLogger(__name__)


def private_folder(path: Path) -> None:
    """Make a folder that its owner alone may enter, like those above it that are missing; one that is there stays.

    Raises:
        OSError: it cannot be made.
    """
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            folder.mkdir(mode=_OWNER_FOLDER, exist_ok=True)


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """Everything that the process makes meanwhile is for its owner alone, whoever writes it."""
    before = os.umask(_OTHERS)
    try:
        yield
    finally:
        os.umask(before)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_name(folder: Path) -> None:
    """Wait until names in a folder are on the disk; where that fails nothing is undone, and a warning tells."""
    try:
        sync(folder)
    except OSError as error:
        logger.warning("%s: what was written is in effect, but may be lost with the power (%s)", folder, error)


def write_json(path: Path, data: Any) -> None:
    """Replace a JSON file in one step, readable by its owner alone; the data is on the disk when this returns.

    Raises:
        OSError: it cannot be written; the file that was there before is untouched.
    """
    temporary = unfinished(path)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_FILE), "w") as file:
            file.write(json.dumps(data, indent=2) + "\n")
        sync(temporary)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_name(path.parent)


def _remove_left_overs(path: Path) -> None:
    """Remove what writers of a file or folder left that were killed; one that is at work is left alone."""
    for left_over in path.parent.glob(f".{path.name}.*.tmp"):
        pid = left_over.name.split(".")[-2]
        if not (pid.isdecimal() and Path(f"/proc/{pid}").exists()):
            shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink(missing_ok=True)


def unfinished(path: Path) -> Path:
    """A name beside a file or folder, for this process to make it under first; what killed ones left is gone."""
    _remove_left_overs(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)  # a file is written over
    return temporary


def publish(temporary: Path, final: Path) -> None:
    """Sync a file, or a folder with all that is in it, and give it its final name in the same parent.

    Raises:
        OSError: it cannot be synced or renamed; what had the final name before is untouched then.
    """
    for file in temporary.rglob("*") if temporary.is_dir() else ():
        sync(file)
    sync(temporary)
    temporary.rename(final)
    sync_name(final.parent)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk (or quota) is behind an error, or behind one that it was raised for."""
    if error is None:
        return False
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    # Libraries that are not written in Python may give the reason in words only.
    told = any(os.strerror(number) in str(error) for number in _FULL)
    return told or is_disk_full(error.__cause__ or error.__context__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, or a GPU's, has run out."""
    told = ("can't allocate memory", "not enough memory", "out of memory", os.strerror(errno.ENOMEM).lower())
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in told)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that a crash on the way does not leave half of it under its name."""
    doomed = folder.with_name(f".removed-{folder.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    sync_name(folder.parent)
    shutil.rmtree(doomed, ignore_errors=True)
