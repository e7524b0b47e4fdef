# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Ids of jobs, and what of a job may be resumed."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from madm_model.jobs import request as job_request
from madm_model.jobs.request import JobFolder, RequestError, job_ids, prune_jobs


def test_ids_sort_by_creation_when_the_clock_goes_back(store, request_, monkeypatch) -> None:
    """A robot without a battery for its clock: what is made last is the newest, and is not cleaned up first."""
    moments = [2026, *[1970] * 11, 2027]

    class Clock:
        @staticmethod
        def now(_: timezone) -> datetime:
            return datetime(moments[0], 1, 31, 12, tzinfo=timezone.utc)

    monkeypatch.setattr(job_request, "datetime", Clock)
    made = []
    while moments:
        made.append(JobFolder.create(store.root, request_).job_id)
        moments.pop(0)
    assert job_ids(store.root) == made
    assert made[:3] == ["20260131-120000", "20260131-120000-2", "20260131-120000-3"]
    assert made[-1] == "20270131-120000"
    prune_jobs(store, 3)
    assert job_ids(store.root) == made[-3:]


def test_a_job_whose_parent_is_gone_is_refused(store, request_) -> None:
    folder = JobFolder.create(store.root, request_)
    folder.update(state="canceled", parent="v0003")
    folder.check_resumable(("base", "v0003"))
    with pytest.raises(RequestError, match="started from version v0003, which is not in the store any more"):
        folder.check_resumable(("base", "v0004"))
