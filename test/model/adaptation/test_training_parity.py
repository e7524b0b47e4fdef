# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The official training's first iterations, in a process of their own as a user would run the check."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
REFERENCES = ROOT.parent / "shared" / "reference" / "parity"


# The second iteration, the optimiser and the teacher do not know the weights of the losses: one reference has them.
@pytest.mark.parametrize(
    ("name", "iterations", "fewest"), [("train_source_target.json", 2, 40), ("train_source_only.json", 1, 20)]
)
def test_official_iterations(name, iterations, fewest):
    reference = REFERENCES / name
    if not reference.is_file():
        pytest.skip(f"needs the parity references in {REFERENCES}")
    check = [sys.executable, str(ROOT / "test" / "check_training_parity.py"), str(reference)]
    check += ["--iterations", str(iterations)]
    result = subprocess.run(check, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count(" ok\n") == len(result.stdout.splitlines()) > fewest


@pytest.mark.parametrize(("found", "agrees"), [(1.0, True), (1.1, True), (1.11, False), (float("nan"), False)])
def test_a_number_agrees_within_its_tolerance(monkeypatch, found, agrees):
    monkeypatch.syspath_prepend(ROOT / "test")
    from check_training_parity import Comparison

    assert Comparison("loss", 1.0, found, 0.1001).agrees is agrees
