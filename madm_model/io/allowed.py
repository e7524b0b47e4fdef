# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Files of others that have to lie in allowed folders: what was found to lie there is what is read.

A path that is checked and then opened by its name can lead elsewhere in between. Here a descriptor is opened first and
asked where it leads, and libraries are given links to such descriptors, under the names of the original.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from madm_model.io.frames import InputError
from madm_model.io.link_folder import LinkFolder

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_OF_BAGS = (".yaml", ".mcap", ".db3", ".bag", ".zstd")

Roots = Sequence[str | Path] | None
"""Folders that files have to lie in; None allows every file."""


@contextmanager
def held(path: str | Path, roots: Roots) -> Iterator[Path]:
    """Hold a recording or an image open while it is read.

    Args:
        path: a file, or the folder of a bag.
        roots: folders that it must lie in with all that it links to; None to read it by its name.

    Yields:
        the path to read it by. In errors that come from within, it is the original.

    Raises:
        InputError: it does not exist, lies outside, is no file or folder, or has another name that may lie outside.
    """
    if roots is None:
        yield Path(path)
        return
    links = LinkFolder()
    try:
        first = _open(path, roots, str(path))
        # Named as the original, which decides how it is read.
        name = Path(path).absolute().name
        opened = links.link(f"opened/{name}", first)
        if stat.S_ISDIR(os.fstat(first).st_mode):
            opened = links.path / name
            opened.mkdir()
            for file in sorted(os.listdir(first)):  # noqa: PTH208 (of a descriptor)
                if file.endswith(_OF_BAGS):
                    links.link(f"{name}/{file}", _open(file, roots, str(Path(path) / file), first))
        try:
            yield opened
        except InputError as error:
            raise type(error)(str(error).replace(str(opened), str(path))) from None
    finally:
        links.close()


def check_allowed(path: Path, roots: Sequence[str | Path]) -> None:
    """Refuse a path outside all folders, however it is written, without opening it.

    Raises:
        InputError: it lies outside, or is a link that leads nowhere.
    """
    try:
        resolved = path.resolve()
        allowed = any(resolved.is_relative_to(Path(root).resolve()) for root in roots)
    except (OSError, RuntimeError) as error:  # a circle of links
        raise InputError(f"{path} cannot be followed: {error}") from None
    if not allowed:
        listed = ", ".join(map(str, roots)) or "none is configured"
        raise InputError(f"{path} is not under one of the folders allowed by bag_roots ({listed})")


def check_single_name(path: Path) -> None:
    """Refuse a file with several names (hard links), of which others may lie outside of all folders.

    Raises:
        InputError: it has.
    """
    _check_links(path.stat(), str(path))


def _check_links(found: os.stat_result, shown: str) -> None:
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        raise InputError(
            f"{shown} has another name (a hard link), which may lie outside of bag_roots: put a copy in its place"
        )


def _open(path: str | Path, roots: Sequence[str | Path], shown: str, folder: int | None = None) -> int:
    """A descriptor of a file or folder that lies in the allowed folders; `path` may be relative to an open folder."""
    try:
        descriptor = os.open(path, _FLAGS, dir_fd=folder)
    except FileNotFoundError:
        raise InputError(f"{shown} does not exist: check the path of the recording") from None
    except OSError as error:
        raise InputError(f"{shown} cannot be opened: {error.strerror}") from None
    try:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        if not any(place.is_relative_to(Path(root).resolve()) for root in roots):
            check_allowed(Path(shown), roots)
            raise InputError(f"{shown} was moved out of bag_roots while it was opened")
        found = os.fstat(descriptor)
        if not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
            raise InputError(f"{shown} is neither a file nor a folder")
        _check_links(found, shown)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
