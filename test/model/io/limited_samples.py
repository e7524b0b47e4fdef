# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Work that goes wrong in every way, for `test_limited.py`: a process of its own has to be able to import it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np


def count(number: int) -> Iterator[np.ndarray]:
    print("what a library prints")
    for index in range(number):
        yield np.full(3, index)


def refuse(error: Exception) -> None:
    raise error


def spin_holding_the_lock(sign: Path) -> None:
    """As dv-processing does: no other thread of the process runs any more, nor a handler of signals."""
    sign.write_text(str(os.getpid()))
    ctypes.PyDLL(None).sleep(600)


def hang(sign: Path) -> Iterator[int]:
    sign.write_text(str(os.getpid()))
    yield 1
    time.sleep(600)


def take_memory(size: int) -> int:
    return int(np.ones(size, np.uint8).sum())


def write_file(size: int, sign: Path) -> None:
    """Write a temporary file, then crash."""
    with tempfile.NamedTemporaryFile(delete=False) as file:
        sign.write_text(file.name)
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))
    os.kill(os.getpid(), signal.SIGKILL)


def places_of_modules() -> list[str]:
    return sys.path
