# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A wall clock that jumps, as of a robot without a battery for it: the newest jobs and versions are kept."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from tempfile import TemporaryDirectory
from unittest import mock

from faults.report import Tally
from faults.stores import add, check_whole, make_store
from madm_model.adaptation.data.target_bags import TargetSelection
from madm_model.jobs import request as job_request
from madm_model.jobs.request import JobFolder, JobRequest, job_ids, prune_jobs

_KEEP = 3


def run(seed: int, count: int) -> Tally:
    """Set the clock anywhere between 1970 and 2100 before every job and version."""
    tally, chance = Tally("clock"), random.Random(seed)
    request = JobRequest(TargetSelection(("bag",), "thermal"), 1)
    made: list[str] = []
    with TemporaryDirectory() as folder:
        store = make_store(folder, _KEEP)
        for number in range(count):
            now = datetime.fromtimestamp(chance.choice([0, 1, chance.randrange(4_000_000_000)]), timezone.utc)
            now += timedelta(seconds=chance.randrange(3))
            with tally.fault(f"seed {seed}, fault {number}: it is {now:%Y-%m-%d %H:%M:%S}"), _clock(now):
                job = JobFolder.create(store.root, request)
                assert job.job_id not in made, "an id was given twice"
                made.append(job.job_id)
                prune_jobs(store, _KEEP)
                assert job_ids(store.root) == made[-_KEEP:], "another job than the oldest was removed"
                version = store.activate(add(store)).active
                check_whole(store)
                assert version in store.read().versions
    return tally


def _clock(now: datetime) -> mock._patch:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: timezone | None = None) -> datetime:
            return now

    return mock.patch.object(job_request, "datetime", Clock)
