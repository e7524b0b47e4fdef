# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A rosbag2 reader that opens what a path names, and nothing that takes all memory or disk.

rosbags opens sqlite3 files by a URI, in which `%2F`, `?` and `#` of a file's name mean something; it unpacks files
that are compressed as a whole into a folder that a killed process leaves behind, whatever their size.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote, unquote_to_bytes

import apsw
from rosbags import rosbag2
from rosbags.rosbag2.reader import DirectoryReader
from rosbags.rosbag2.storage_mcap import McapReader
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader
from ruamel.yaml import YAML

from madm_model.io.frames import InputError
from madm_model.io.limits import MAX_CHUNK_BYTES, unpacked_limit
from madm_model.io.link_folder import LinkFolder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK = 1 << 20
_METADATA = "metadata.yaml"
_CONTENT = "rosbag2_bagfile_information"


class BagError(InputError):
    """A bag cannot be read or written."""


class _File(apsw.VFSFile):
    """An open database, read-only."""

    def __init__(self, name: str) -> None:
        self._descriptor = os.open(
            unquote_to_bytes(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
        )  # a pipe does not hold it up

    def xRead(self, amount: int, offset: int) -> bytes:
        return os.pread(self._descriptor, amount, offset)

    def xFileSize(self) -> int:
        return os.fstat(self._descriptor).st_size

    def xClose(self) -> None:
        os.close(self._descriptor)

    def xSectorSize(self) -> int:
        return 0

    def xDeviceCharacteristics(self) -> int:
        return 0

    def xFileControl(self, operation: int, pointer: int) -> bool:
        return False


class _Files(apsw.VFS):
    """How SQLite opens files: the one that the name leads to. By itself it resolves links, then opens what they named.

    It is the way that rosbags' SQLite opens all files, the only ones that apsw opens here.
    """

    def __init__(self) -> None:
        super().__init__("madm", "", makedefault=True)

    def xFullPathname(self, name: str) -> str:
        return name

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        if name is None:  # a temporary one
            return super().xOpen(name, flags)
        return _File(name if isinstance(name, str) else name.filename())


_FILES = _Files()


class _UriPath(type(Path())):  # type: ignore[misc]
    """A path that stands for itself in a URI, quoted once for it and once for `_File`: apsw takes text alone."""

    def __format__(self, form: str) -> str:
        return quote(quote(os.fsencode(self)))


class _Sqlite3(Sqlite3Reader):
    def __init__(self, path: Path) -> None:
        super().__init__(_UriPath(path))

    def open(self) -> None:
        """Refuse a view, which computes what it likes for as long as it likes, in place of a table."""
        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        with closing(apsw.Connection(f"file:{self.path}?immutable=1", flags=flags)) as database:
            for kind, name, text in database.execute("SELECT type, name, sql FROM sqlite_master"):
                if kind not in ("table", "index") or "VIRTUAL" in str(text).upper().split("(")[0].split():
                    raise BagError(f"{Path(self.path)} is not a bag: '{name}' is no table of recorded data")
        super().open()


class _Mcap(McapReader):
    def open(self) -> None:
        """Refuse chunks that fill the memory; one whose index tells less than it holds is up to who reads."""
        super().open()
        largest = max((chunk.uncompressed_size for chunk in self.chunks), default=0)
        if largest > MAX_CHUNK_BYTES:
            self.close()
            raise BagError(
                f"{self.path} has a chunk of {largest / 1e9:.1f} GB, up to {MAX_CHUNK_BYTES / 1e9:.1f} GB are read: "
                "it is damaged, or has to be recorded with smaller chunks"
            )


class _Directory(DirectoryReader):
    STORAGE_PLUGINS: ClassVar[dict[str, Any]] = {"mcap": _Mcap, "sqlite3": _Sqlite3}


class Rosbag2Reader(rosbag2.Reader):
    """`rosbag2.Reader` for paths of any name, bags of any compression, and damage of any kind."""

    STORAGE_PLUGINS: ClassVar[dict[str, Any]] = {"dir": _Directory, ".mcap": _Mcap, ".db3": _Sqlite3}

    def __init__(self, path: Path) -> None:
        """Find the bag, and unpack it where its files are compressed as a whole.

        Raises:
            BagError: it holds much more unpacked than recordings do.
            OSError: there is no room to unpack it.
        """
        self._unpacked = _unpack(path)
        super().__init__(self._unpacked.path if self._unpacked else path)

    def open(self) -> None:
        """Read what the bag holds."""
        try:
            super().open()
        except BaseException:
            self._drop()
            raise

    def close(self) -> None:
        """Give the files back."""
        super().close()
        self._drop()

    def _drop(self) -> None:
        if self._unpacked:
            self._unpacked.close()


def _unpack(path: Path) -> LinkFolder | None:
    """The bag with its files unpacked, into files without names, which go with the process; None if it needs none."""
    if not path.is_dir():
        return None
    try:
        content = YAML(typ="safe").load((path / _METADATA).read_text())
        metadata: dict[str, Any] = content[_CONTENT]
        if metadata.get("compression_mode", "").lower() != "file" or metadata.get("compression_format") != "zstd":
            return None
        files = [path / Path(name).name for name in metadata["relative_file_paths"]]
    except Exception:  # rosbags tells it
        return None
    folder = LinkFolder()
    try:
        for file in files:
            folder.link(file.stem, _unpack_file(file))
        metadata |= {"compression_mode": "", "relative_file_paths": [file.stem for file in files]}
        (folder.path / _METADATA).write_text(json.dumps({_CONTENT: metadata}, default=str))  # JSON is YAML
    except BaseException:
        folder.close()
        raise
    return folder


def _unpack_file(path: Path) -> int:
    """A descriptor of what is in a compressed file."""
    limit = unpacked_limit(path.stat().st_size)
    with tempfile.TemporaryFile() as unpacked, path.open("rb") as packed, zstd.open(packed, "rb") as stream:
        while data := stream.read(_BLOCK):
            if unpacked.tell() + len(data) > limit:
                raise BagError(f"{path} holds more than {limit // 1_000_000} MB unpacked: it is damaged")
            unpacked.write(data)
        unpacked.flush()
        return os.dup(unpacked.fileno())
