# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""States of a job, in memory and in its folder."""

from __future__ import annotations

import json

import pytest

from madm_model.jobs.request import STATE_FILE, JobFolder
from madm_model.jobs.state import JobState, State


@pytest.mark.parametrize("state", State)
def test_a_state_is_kept_as_its_word(tmp_path, state: State) -> None:
    folder = JobFolder.reserve(tmp_path)
    folder.update(state=state, message="why")
    assert json.loads((folder.path / STATE_FILE).read_text())["state"] == state.name.lower() == f"{state}"
    assert folder.state() == JobState(state, "why")
    assert isinstance(folder.state().state, State)


def test_a_state_that_there_is_not_counts_as_a_damaged_file(tmp_path) -> None:
    folder = JobFolder.reserve(tmp_path)
    (folder.path / STATE_FILE).write_text('{"state": "dreaming"}')
    assert folder.state() == JobState(State.PREPARING)


def test_what_is_running_or_resumable() -> None:
    judged = {State.ACTIVATED, State.NOT_ACTIVATED}
    assert {state for state in State if state.is_running} == {State.PREPARING, State.TRAINING, State.EVALUATING}
    assert {state for state in State if not state.is_resumable} == {*judged, State.IDLE}
