# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Makes faults and counts what survives them: `python test/faults/run.py [--seed N] [--count N] [LOOP ...]`.

Every loop is a module of this folder with a function `run(seed: int, count: int) -> Tally`, and has a process of its
own. Exit status 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# The tree itself and the samples that the tests share, in place of this folder, which is a package.
_ROOTS = [str(HERE.parent.parent), str(HERE.parent), str(HERE.parent / "ros")]
# Random networks come and go: to compile each for its gate would take most of the time.
os.environ["MADM_RUNTIME"] = "torch"
sys.path[:] = _ROOTS + [path for path in sys.path if path not in (*_ROOTS, str(HERE))]

from faults.process import run_loop  # noqa: E402
from faults.report import Tally  # noqa: E402

COUNTS: dict[str, int] = {
    **{"index": 100, "disk": 200, "full_disk": 60, "versions": 100, "checkpoints": 100, "clock": 40},
    **{"store_kills": 50, "job_kills": 40, "floods": 100, "folders": 200, "event_recordings": 900},
    **{"bags": 600, "images": 600},
}
"""How many faults each loop makes unless told; in this order they run."""


def main(arguments: list[str] | None = None) -> int:
    """Run the loops; 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="faults", description="Makes faults and counts what survives them.")
    parser.add_argument("loops", nargs="*", metavar="LOOP", help=f"of {', '.join(COUNTS)}; all unless named")
    parser.add_argument("--seed", type=int, default=1, help="another one makes other faults (default: 1)")
    parser.add_argument("--count", type=int, help="faults of every loop (default: each its own number)")
    options = parser.parse_args(arguments)
    if unknown := set(options.loops) - set(COUNTS):
        parser.error(f"there is no loop {', '.join(sorted(unknown))}: use some of {', '.join(COUNTS)}")
    total = Tally("all")
    try:
        for name in options.loops or COUNTS:
            tally = _run(name, options.seed, options.count or COUNTS[name])
            total.tried += tally.tried
            total.lost += tally.lost
    except KeyboardInterrupt:
        _say(total, " until it was interrupted")
        return 130
    _say(total)
    return int(bool(total.lost))


def _run(name: str, seed: int, count: int) -> Tally:
    started = time.monotonic()
    tally = run_loop(f"faults.{name}", seed, count)
    _say(tally, f" in {time.monotonic() - started:.0f} s")
    for loss in tally.lost:
        print(f"    lost: {loss}", flush=True)
    return tally


def _say(tally: Tally, suffix: str = "") -> None:
    counts = f"{tally.tried:5} tried, {tally.survived:5} survived, {len(tally.lost):3} lost"
    print(f"{tally.name:18}{counts}{suffix}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
