# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A job that is resumed reads from the folders that are allowed by then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from adaptation_samples import make_request, write_bag

from madm_model.jobs.request import JobFolder, RequestError
from madm_model.jobs.state import State
from madm_model.store import VersionStore
from madm_ros.adapt import jobs as adapt_jobs
from madm_ros.adapt.jobs import AdaptJobs


def test_a_resumed_job_is_bound_to_the_folders_of_today(tmp_path, monkeypatch) -> None:
    started = []
    monkeypatch.setattr(adapt_jobs, "JobProcess", lambda store, job_id, *_: started.append(job_id))
    request = make_request(tmp_path, write_bag(tmp_path / "bags" / "drive"))
    store = VersionStore(tmp_path / "store", Path(request.base))
    folder = JobFolder.create(store.root, replace(request, bag_roots=("/",)))
    folder.update(state=State.CANCELED, iterations=3)

    def jobs(*roots: Path) -> AdaptJobs:
        return AdaptJobs(store, roots, 1.0, lambda is_state: None, lambda text: None, lambda text: None)

    with pytest.raises(RequestError, match="source is not under one of the folders allowed by bag_roots"):
        jobs(tmp_path / "bags").resume(folder.job_id)
    today = jobs(tmp_path / "bags", tmp_path / "source")
    today.resume(folder.job_id)
    today._launcher.join()
    assert started == [folder.job_id]
    assert folder.request() == replace(request, bag_roots=(str(tmp_path / "bags"), str(tmp_path / "source")))
    assert (folder.state().state, folder.state().iterations) == (State.PREPARING, 3)
