"""Writes that survive a crash: a file or folder is either there as a whole or not at all.

A name is given last, after the contents are on the disk, and the folder that holds the name is synced as well.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, data: Any) -> None:
    """Replace a JSON file in one step; the data is on the disk when this returns.

    Raises:
        OSError: it cannot be written; the file that was there before is untouched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(data, indent=2) + "\n")
        sync(temporary)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def publish_folder(temporary: Path, final: Path) -> None:
    """Sync every file of a flat folder and give it its final name, in the same parent.

    Raises:
        OSError: it cannot be synced or renamed; the final name does not exist then.
    """
    for file in temporary.iterdir():
        sync(file)
    sync(temporary)
    temporary.rename(final)
    sync(final.parent)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk (or quota) is behind an error, or behind one that it was raised for."""
    if error is None:
        return False
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    # Libraries that are not written in Python may give the reason in words only.
    told = any(os.strerror(number) in str(error) for number in _FULL)
    return told or is_disk_full(error.__cause__ or error.__context__)


def remove_folder(folder: Path) -> None:
    """Remove a folder so that a crash on the way does not leave half of it under its name."""
    doomed = folder.with_name(f".removed-{folder.name}")
    shutil.rmtree(doomed, ignore_errors=True)
    folder.rename(doomed)
    sync(folder.parent)
    shutil.rmtree(doomed, ignore_errors=True)
