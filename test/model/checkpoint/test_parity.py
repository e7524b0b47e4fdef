# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The whole network against the official one's outputs, through the importer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CHECK = Path(__file__).parents[2] / "check_parity.py"


def test_small_reference_is_reproduced(shared_dir: Path) -> None:
    parity = shared_dir / "reference" / "parity"
    if not (parity / "small.npz").is_file():
        pytest.skip("no reference/parity in the folder ../shared")
    command = [sys.executable, str(CHECK), str(parity / "small.manifest.json"), str(parity / "small.npz")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    values = [float(line.split()[1]) for line in result.stdout.splitlines() if line.startswith("t")]
    assert len(values) == 6
    assert max(values) < 1e-3


@pytest.mark.parametrize(("difference", "status"), [(9e-4, 0), (2e-3, 1), (float("nan"), 1)])
def test_exit_status(monkeypatch: pytest.MonkeyPatch, difference: float, status: int) -> None:
    monkeypatch.syspath_prepend(str(CHECK.parent))
    import check_parity

    monkeypatch.setattr(sys, "argv", ["check_parity.py", "some.manifest.json", "some.npz"])
    monkeypatch.setattr(check_parity, "largest_differences", lambda *_: {"t0_logits": 0.0, "t60_latent": difference})
    assert check_parity.main() == status
