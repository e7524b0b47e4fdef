# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One version folder: a model folder with `version.json` beside config and weights."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from madm_model.io import durable
from madm_model.io.json_files import read_object
from madm_model.model_config import CONFIG_FILE, EMBEDDED_WEIGHTS, ModelError

INFO_FILE = "version.json"
TEACHER_FOLDER = "teacher"
"""In the folder of a student that an adaptation made: the model folder of the network that it learned from."""
_ACTIVE_FILE = "active.json"
"""Beside it in versions that were made active, unless they were gone back from; without one, nobody wanted it live."""
_WEIGHTS_FILE = "model.safetensors"
_BLOCK = 1 << 20
_NAME = re.compile(r"v[0-9]{4,9}")


def is_version_name(name: object) -> bool:
    """Whether a version may be called so: v and a number."""
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class VersionInfo:
    """Where a version comes from, and what was found out about it."""

    version: str
    """Its name in the store, such as v0003; numbers are never used twice."""
    parent: str
    """The version its training started from."""
    job_id: str
    """The adaptation job that made it."""
    modality: str
    """The modality it was adapted to."""
    gate: dict[str, Any] = field(default_factory=dict)
    """The gate's result, as `GateResult.to_dict` gives it; `passed` says whether it was fit to be activated."""
    training: dict[str, Any] = field(default_factory=dict)
    """How it was trained: iterations, seconds, source, bags."""
    created: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))
    """When it was written, UTC, ISO 8601."""


def training_start(folder: Path) -> Path:
    """The model folder that an adaptation starts from: a student's teacher, any other model itself.

    An embedded student has none in its folder: the embedded model of its modality takes that place.
    """
    is_embedded = folder.parent == EMBEDDED_WEIGHTS and folder.name.startswith("student-")
    teacher = folder.with_name(folder.name.replace("student-", "tiny-")) if is_embedded else folder / TEACHER_FOLDER
    return teacher if (teacher / CONFIG_FILE).is_file() else folder


def write_info(folder: Path, info: VersionInfo) -> None:
    """Write version.json with the size and checksum of every file that is in the folder by then."""
    files = {
        file.relative_to(folder).as_posix(): {"size": file.stat().st_size, "sha256": checksum(file)}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != folder / INFO_FILE
    }
    (folder / INFO_FILE).write_text(json.dumps(asdict(info) | {"files": files}, indent=2) + "\n")


def read_info(folder: Path) -> VersionInfo:
    """Read version.json.

    Raises:
        ModelError: it is missing or not readable.
    """
    data = _read(folder)
    texts = ("version", "parent", "job_id", "modality", "created")
    wrong = [name for name in texts if not isinstance(data.get(name), str)]
    wrong += [name for name in ("gate", "training") if not isinstance(data.get(name), dict)]
    if wrong or (unknown := data.keys() - {"files", *(known.name for known in fields(VersionInfo))}):
        raise ModelError(f"{folder / INFO_FILE} is damaged or of another release: see {', '.join(wrong or unknown)}")
    return VersionInfo(**{key: value for key, value in data.items() if key != "files"})


def mark_active(folder: Path) -> None:
    """Remember in a version's folder that it was made active: it may be again, should the store's index be lost.

    Raises:
        OSError: it cannot be written.
    """
    if not was_active(folder):
        durable.write_json(folder / _ACTIVE_FILE, {"since": datetime.now(timezone.utc).isoformat(timespec="seconds")})


def unmark_active(folder: Path) -> None:
    """Forget that a version was active: it was gone back from."""
    with contextlib.suppress(OSError):  # the index says so, too
        (folder / _ACTIVE_FILE).unlink(missing_ok=True)


def was_active(folder: Path) -> bool:
    """Whether a version was made active, and not gone back from since."""
    return (folder / _ACTIVE_FILE).exists()


def fault(folder: Path, with_checksums: bool = False) -> str:
    """What is wrong with a version folder; empty if nothing is.

    Args:
        folder: the version's folder.
        with_checksums: read every byte, and refuse weights that are not finite; otherwise only names and sizes are
            compared.
    """
    try:
        read_info(folder)
        files = _read(folder)["files"]
        if not {CONFIG_FILE, _WEIGHTS_FILE} <= files.keys():
            return f"{folder} is no model folder"
        return next(_faults(folder, files, with_checksums), "")
    except (ModelError, KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        return f"{folder} cannot be read: {error}"


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a version, or of the teacher in one, by its name; empty if the folder is neither.

    Raises:
        ModelError: its description is damaged, or a file of the folder is missing or has another size.
    """
    if folder.name == TEACHER_FOLDER and (folder.parent / INFO_FILE).exists():
        start = f"{TEACHER_FOLDER}/"
        known = checksums(folder.parent)
        return {name.removeprefix(start): digest for name, digest in known.items() if name.startswith(start)}
    if not (folder / INFO_FILE).exists():
        return {}
    if reason := fault(folder):
        raise ModelError(reason)
    return {name: str(expected["sha256"]) for name, expected in _read(folder)["files"].items()}


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _faults(folder: Path, files: dict[str, dict[str, Any]], with_checksums: bool) -> Iterator[str]:
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            yield f"{path} is missing"
        elif not {"size", "sha256"} <= expected.keys():
            yield f"{folder / INFO_FILE} does not describe {name}"
        elif path.stat().st_size != expected["size"]:
            yield f"{path} has {path.stat().st_size} bytes in place of {expected['size']}"
        elif with_checksums and checksum(path) != expected["sha256"]:
            yield f"{path} is damaged: its checksum differs"
        elif with_checksums and path.suffix == ".safetensors" and (tensor := _not_finite(path)):
            yield f"{path} holds values that are not finite ({tensor}): its training failed, use another version"


def _not_finite(path: Path) -> str:
    """Name of a tensor with values that are not finite, empty if there is none; without torch, which takes long."""
    with contextlib.suppress(SafetensorError, TypeError), safe_open(path, framework="numpy") as tensors:
        names = tensors.keys()
        return next((name for name in names if not np.isfinite(tensors.get_tensor(name)).all()), "")
    return ""  # whoever loads it says what is wrong with it


def _read(folder: Path) -> dict[str, Any]:
    path = folder / INFO_FILE
    try:
        return read_object(path)
    except FileNotFoundError:
        raise ModelError(f"{folder} is no version folder: it has no {INFO_FILE}") from None
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON ({error})") from None
