# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How many networks a job has in memory: one beside what it trains, and none that is not needed any more."""

from __future__ import annotations

import gc
from dataclasses import replace
from pathlib import Path

from adaptation_samples import Run

from madm_model.jobs import job, preparation
from madm_model.network.madm import MADM
from madm_model.segmenter import Segmenter


def networks() -> int:
    """MADM networks that someone refers to, a teacher among them."""
    gc.collect()
    return sum(type(thing) is MADM for thing in gc.get_objects())


def test_a_network_is_gone_before_the_next_is_loaded(store, request_, monkeypatch) -> None:
    before, seen = networks(), []
    load, open_segmenter = job.load_model, Segmenter.from_folder

    def counted_load(folder: Path, *arguments):
        seen.append(("load", networks() - before))
        return load(folder, *arguments)

    def counted_segmenter(folder: Path, *arguments):
        seen.append(("gate", networks() - before))
        return open_segmenter(folder, *arguments)

    for stage in (preparation, job):
        monkeypatch.setattr(stage, "load_model", counted_load)
    monkeypatch.setattr(Segmenter, "from_folder", counted_segmenter)
    run = Run(store, replace(request_, iterations=0, time_budget_s=1.0))
    assert run() == "activated", run.of("state")[-1]["message"]
    # One to try how long an iteration takes, one to train, and the trained one alone in the gate.
    assert seen == [("load", 0), ("load", 0), ("gate", 1)]
