# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Checkpoints of a training: written so that they survive a crash, and checked before they are used."""

from __future__ import annotations

import errno
import logging
import zipfile
from pathlib import Path
from typing import Any

import torch

from madm_model.io import durable

logger = logging.getLogger(__name__)


class Checkpoints:
    """The last checkpoint of a training and the one before, which takes its place if the last one is damaged.

    PyTorch's files are zip archives with a checksum of every part, which PyTorch itself does not compare.

    Args:
        folder: gets `NAME.pt` and `NAME.previous.pt`.
        name: of the training.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._last, self._previous = folder / f"{name}.pt", folder / f"{name}.previous.pt"
        self._unfinished = folder / f".{name}.pt.unfinished"

    def save(self, state: dict[str, Any]) -> None:
        """Write the next checkpoint; it is on the disk when this returns.

        Args:
            state: of the training, as `load` shall give it.

        Raises:
            OSError: it cannot be written; the last one stays.
        """
        self._previous.unlink(missing_ok=True)  # no more than two at any time: they are large
        try:
            with self._unfinished.open("wb") as file:  # given a path, PyTorch would not say that the disk is full
                torch.save(state, file)
            durable.sync(self._unfinished)
            if self._last.exists():
                self._last.rename(self._previous)
            durable.publish(self._unfinished, self._last)
        finally:
            self._unfinished.unlink(missing_ok=True)

    def load(self, mmap: bool = False) -> dict[str, Any] | None:
        """Read the last checkpoint that is whole; None if there is none. Damaged ones are removed.

        Args:
            mmap: whether tensors stay on the disk until they are used, for whoever wants only some of the state.

        Raises:
            OSError: the disk cannot be read now; nothing is removed.
            MemoryError, RuntimeError: there is too little memory for it now; nothing is removed.
        """
        for path in (self._last, self._previous):
            if not path.exists():
                continue
            try:
                with zipfile.ZipFile(path) as archive:
                    if part := archive.testzip():
                        raise ValueError(f"the checksum of {part} differs")
                return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
            except Exception as error:  # zipfile and torch raise errors of many kinds on damaged files
                # EINVAL: a damaged file names a place before its first byte
                unreadable = isinstance(error, OSError) and error.errno != errno.EINVAL
                if unreadable or durable.is_out_of_memory(error):
                    raise
                logger.warning("%s is damaged and left out: %s", path, error)
                path.unlink()
        return None

    def drop(self) -> None:
        """Remove all of them."""
        for path in (self._last, self._previous, self._unfinished):
            path.unlink(missing_ok=True)
