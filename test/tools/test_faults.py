# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The command that makes faults: a loop that breaks off in any way is a loss, and what it had tried counts."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest
from faults import process

_LOOP = """
import os, signal, time
from faults.report import Tally

def run(seed, count):
    tally = Tally("loop")
    for number in range(count):
        with tally.fault(f"fault {{number}}"):
            assert number != 1, "one is lost"
    {end}
    return tally
"""


@pytest.mark.parametrize(
    ("end", "loss"),
    [
        ("", ""),
        ("raise RuntimeError('the context is gone')", "RuntimeError: the context is gone"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "its process ended with exit code -11"),
    ],
)
def test_a_loop_that_breaks_off_is_a_loss_of_its_own(tmp_path: Path, monkeypatch, end: str, loss: str) -> None:
    (tmp_path / "loop_of_a_test.py").write_text(_LOOP.format(end=end))
    monkeypatch.syspath_prepend(tmp_path)
    tally = process.run_loop("loop_of_a_test", 7, 3)
    lost = ["fault 1: AssertionError: one is lost"]
    lost += [f"the loop broke off, seed 7, fault 3: {loss}"] if loss else []
    assert [text.partition(" (loop")[0] for text in tally.lost] == lost
    assert (tally.tried, tally.survived) == (4 if loss else 3, 2)


def test_a_loop_that_hangs_is_ended_with_what_it_started(tmp_path: Path, monkeypatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    hang = f"import subprocess; subprocess.run('sleep 600', shell=True, stdout=open('{pipe}', 'w'))"
    (tmp_path / "loop_that_hangs.py").write_text(_LOOP.format(end=hang))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(process, "STALLED_S", 3.0)
    assert process.run_loop("loop_that_hangs", 7, 3).lost[-1].endswith("no fault was done for 3 s")
    os.close(os.open(pipe, os.O_WRONLY))
    # The end of the file can be read once nobody may write any more: its own child has ended, too.
    assert select.select([reader], [], [], 20)[0]
    os.close(reader)
