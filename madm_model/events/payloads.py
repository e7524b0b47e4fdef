# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the decoders of payloads have in common."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Protocol

import numpy as np

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""t_us int64, x uint16, y uint16, p uint8, each (N,), as they stand in the payload: unchecked, maybe out of order."""


class Decoder(Protocol):
    """Turns payload bytes into events and keeps what the format carries over from packet to packet."""

    triggers: int
    """Trigger words skipped so far."""
    cut_bytes: int
    """Bytes left over at the ends of packets that were cut in the middle of a word."""
    stale: int
    """Events dropped after a loss because their row or time stood in the lost packet."""

    def decode(self, data: np.ndarray, time_base: int, big_endian: bool) -> Columns:
        """Decode one payload.

        Args:
            data: uint8 (B,), the packet's `events`.
            time_base: the packet's `time_base`, in the unit of the encoding.
            big_endian: the packet's `is_bigendian`.
        """
        ...

    def resync(self) -> None:
        """Packets were lost: take nothing from before the loss for granted."""
        ...


def optional_module(name: str) -> ModuleType | None:
    """A package that is used where it is installed; None where it is not."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def whole(data: np.ndarray, size: int) -> tuple[np.ndarray, int]:
    """The payload without a cut word at its end, and the bytes cut off."""
    rest = len(data) % size
    return (data[: len(data) - rest] if rest else data), rest
