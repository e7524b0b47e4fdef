# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The segments of a rolling recording: closed bags in one folder, numbered, the oldest deleted first."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from madm_model.io import durable
from madm_model.io.frames import InputError

_NAME = re.compile(r"(\d{6,})_\d{8}T\d{6}")
_LEFT_OVER = re.compile(rf"\.({_NAME.pattern}\.partial-.*|removed-{_NAME.pattern})")
_TIME = "%Y%m%dT%H%M%S"
_LOCK_FILE = ".recorder"


@dataclass(frozen=True)
class Segment:
    """A closed bag."""

    path: Path
    """Its folder."""
    bytes: int
    """Disk that its files take."""
    seconds: float
    """How long it was open."""


class Segments:
    """The closed segments in a folder, which one recorder writes to; what else lies there is left alone.

    A segment is named by its number, which orders them whatever the clock says, and the time when it began (UTC).

    Args:
        folder: made if missing, for its owner alone.

    Raises:
        InputError: another recorder writes to it, or it cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            durable.private_folder(folder)
            self._lock = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InputError(
                f"{folder} cannot be recorded to ({error.strerror}): check the folder's permissions"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise InputError(f"{folder} is recorded to by another recorder: give each a folder of its own") from None
        for path in folder.iterdir():  # what was open when the power went, and what was being deleted
            if _LEFT_OVER.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)
        found = (path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())
        self._closed = deque(Segment(path, folder_bytes(path), _seconds(path)) for path in sorted(found, key=_number))
        self._last = _number(self._closed[-1].path) if self._closed else 0

    def close(self) -> None:
        """Let another recorder have the folder."""
        os.close(self._lock)

    @property
    def closed(self) -> list[Segment]:
        """Oldest first."""
        return list(self._closed)

    @property
    def bytes(self) -> int:
        """Disk that they take together."""
        return sum(segment.bytes for segment in self._closed)

    @property
    def seconds(self) -> float:
        """How long they were open together."""
        return sum(segment.seconds for segment in self._closed)

    def next_path(self) -> Path:
        """Where the next segment goes."""
        self._last += 1
        return self.folder / f"{self._last:06d}_{datetime.now(timezone.utc):{_TIME}}"

    def add(self, path: Path, seconds: float) -> None:
        """A segment has been closed that was open for so long."""
        self._closed.append(Segment(path, folder_bytes(path), seconds))

    def drop_oldest(self) -> bool:
        """Delete the oldest segment; false where there is none.

        Raises:
            OSError: it cannot be deleted; it does not count any more.
        """
        if not self._closed:
            return False
        with contextlib.suppress(FileNotFoundError):  # somebody else was quicker
            durable.remove_folder(self._closed.popleft().path)
        return True


def folder_bytes(folder: Path) -> int:
    """Bytes of the files in a folder and below; what goes meanwhile counts for nothing."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _seconds(path: Path) -> float:
    """From the time in its name to that of its last change; 0 where the clock was set in between."""
    try:
        began = datetime.strptime(path.name.partition("_")[2], _TIME).replace(tzinfo=timezone.utc)
    except ValueError:  # 99 o'clock
        return 0.0
    return max(0.0, path.stat().st_mtime - began.timestamp())


def _number(path: Path) -> int:
    return int(path.name.partition("_")[0])
