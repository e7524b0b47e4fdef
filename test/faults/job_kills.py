# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Jobs, killed at random moments and resumed: the store stays whole, and each job ends with its version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from adaptation_samples import GAIN, make_request, write_bag
from kill_samples import kill_jobs, run_job, start_child

from faults.report import Tally
from madm_model.jobs.request import JobFolder
from madm_model.store import VersionStore

_EACH = 5


def run(seed: int, count: int) -> Tally:
    """Kill jobs, a few to a store."""
    tally = Tally("job_kills")
    with TemporaryDirectory() as name:
        folder = Path(name)
        request = make_request(folder, write_bag(folder / "bag"), iterations=2)
        request = replace(request, preprocessing=GAIN, options={**request.options, "checkpoint_every": "1"})
        for number in range(0, count, _EACH):
            kills = min(_EACH, count - number)
            tally.tried += kills - 1
            with tally.fault(f"seed {seed}, kills {number} to {number + kills - 1}"):
                store = VersionStore(folder / f"store{number}", Path(request.base))
                job_id = kill_jobs(store, request, kills, seed=1000 * seed + number)
                if job_id:
                    start_child(run_job, store.root, job_id).join()
                    state = JobFolder(store.root, job_id).state()
                    assert state.state == "activated", f"{state.state}: {state.message}"
    return tally
