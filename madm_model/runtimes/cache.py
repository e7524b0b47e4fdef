# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Compiled networks on disk: what took minutes to make is there in a moment at the next start.

One file each, named by what it was made of (weights, runtime, library versions, number format, size) and for (the
machine's processor). A file begins with the checksum of the rest; one that is damaged is made anew.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import madm_model
from madm_model.checkpoint.model_names import resolve_model
from madm_model.io.durable import private_folder, publish
from madm_model.io.user_cache import user_cache
from madm_model.store.version import checksum, checksums

FOLDER = ".compiled"
"""In a model folder."""
KEPT_FILES = 32
KEPT_BYTES = 12 << 30
"""Of one folder: the newest stay, and the newest in any case."""

_WEIGHTS_FILE = "model.safetensors"
_DIGEST = hashlib.sha256().digest_size

logger = logging.getLogger(__name__)


class CompiledCache:
    """Files of one folder.

    Args:
        folder: made when something is written; None: nothing is kept.
        weights: checksum of the network's weights, in hexadecimal.
    """

    def __init__(self, folder: Path | None, weights: str = "") -> None:
        self.folder, self._weights = folder, weights

    @classmethod
    def of_model(cls, model: str | Path) -> CompiledCache:
        """The cache beside a model folder; in the user's cache folder where that one cannot be written.

        Embedded models are part of the package: theirs is the user's cache folder in any case.

        Raises:
            ModelError: the folder is a version whose description is damaged.
            OSError: the weights cannot be read.
        """
        model = resolve_model(model)
        known = checksums(model)
        weights = known[_WEIGHTS_FILE] if known else checksum(model / _WEIGHTS_FILE)
        embedded = Path(madm_model.__file__).parent in model.resolve().parents
        beside = not embedded and os.access(model, os.W_OK)
        return cls(model / FOLDER if beside else user_cache(), weights)

    def read(self, *made_of: str) -> bytes | None:
        """What `write` kept under these names; None where there is nothing, or it is damaged."""
        if self.folder is None:
            return None
        path = self._path(made_of)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            logger.warning("%s is damaged: it is made anew", path)
            path.unlink(missing_ok=True)
            return None
        with suppress(OSError):
            os.utime(path)  # the longest unused goes first
        return content[_DIGEST:]

    def write(self, content: bytes, *made_of: str) -> None:
        """Keep it in one step; where that fails, a warning tells, and it is made again the next time."""
        if self.folder is None:
            return
        path = self._path(made_of)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            private_folder(self.folder)
            with temporary.open("wb") as file:
                file.write(hashlib.sha256(content).digest())
                file.write(content)
            publish(temporary, path)
            self._remove_old()
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            logger.warning("%s cannot be written, so the next start takes as long: %s", path, error)

    def forget(self, *made_of: str) -> None:
        """Remove one."""
        if self.folder is not None:
            self._path(made_of).unlink(missing_ok=True)

    def _path(self, made_of: tuple[str, ...]) -> Path:
        name = hashlib.sha256("\0".join((self._weights, machine(), *made_of)).encode()).hexdigest()
        return self.folder / f"{name[:32]}.bin"

    def _remove_old(self) -> None:
        for left_over in self.folder.glob("*.tmp"):
            pid = left_over.name.split(".")[-2]
            if not Path(f"/proc/{pid}").exists():
                left_over.unlink(missing_ok=True)
        newest = sorted(self.folder.glob("*.bin"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        total = 0
        for count, path in enumerate(newest):
            total += path.stat().st_size
            if count and (count >= KEPT_FILES or total > KEPT_BYTES):
                path.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def machine() -> str:
    """Processor and what it can do: what was compiled on one is not for another."""
    lines = set()
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
        lines = {line for line in text.splitlines() if line.startswith(("model name", "flags", "Features", "CPU part"))}
    return "\n".join([platform.machine(), f"{os.cpu_count()} processors", *sorted(lines)])
