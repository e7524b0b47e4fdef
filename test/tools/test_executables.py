# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The executables that setup.py names: how they end by a signal that comes while they import their libraries."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = (Path(__file__).resolve().parents[2] / "setup.py").read_text()
EXECUTABLES = re.findall(r'"(\w+) = ([\w.]+):(\w+)"', SETUP)

# What they all import first of what takes long: a signal comes in the middle of it.
_PROGRAM = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name in ("rclpy", "typer"):
            os.kill(os.getpid(), signal.{signal})

from {module} import {function}
sys.meta_path.insert(0, Interrupt())
{function}()
"""


def test_setup_py_names_executables() -> None:
    assert len(EXECUTABLES) >= 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize(("name", "module", "function"), EXECUTABLES, ids=lambda text: str(text))
def test_a_signal_while_libraries_are_imported_ends_without_a_word(name, module, function, number) -> None:
    program = _PROGRAM.format(module=module, function=function, signal=number.name)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-number, "", ""), name
