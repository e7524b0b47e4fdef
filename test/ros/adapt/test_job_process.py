# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A job's process is read to its end, whatever becomes of its events."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from madm_model.jobs.request import JobFolder
from madm_ros.adapt.job_process import JobProcess

Event = dict[str, Any]


def exit_status(store: Path, on_event: Callable[[Event], object]) -> int:
    """That of the process of a job without a request, once it has been told."""
    statuses: Queue[int] = Queue()
    JobProcess(store, JobFolder.reserve(store).job_id, on_event, statuses.put)
    return statuses.get(timeout=120)


@pytest.fixture
def _failing(tmp_path, monkeypatch) -> None:
    """In place of Python: bytes that are not UTF-8 and a line that is no event, an event, and the end."""
    program, event = tmp_path / "python", '{"event": "state", "state": "failed"}'
    program.write_text(f"#!/bin/sh\nprintf 'caf\\351\\n'\necho '{event}'\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_what_a_library_prints_does_not_hide_the_end(tmp_path, _failing) -> None:
    seen: list[Event] = []
    assert exit_status(tmp_path, seen.append) == 3
    assert seen == [{"event": "state", "state": "failed"}]


def test_no_module_of_the_servers_folder_is_imported(tmp_path, monkeypatch) -> None:
    (tmp_path / "cv2.py").write_text("raise SystemExit(77)")
    monkeypatch.chdir(tmp_path)
    assert exit_status(tmp_path / "store", lambda event: None) == 1  # as there is no request


def test_an_event_that_cannot_be_handed_on_does_not_hide_the_end(tmp_path, _failing) -> None:
    seen: list[Event] = []

    def on_event(event: Event) -> None:
        seen.append(event)
        raise RuntimeError("nobody to tell")

    assert exit_status(tmp_path, on_event) == 3
    assert [(event["event"], event["state"]) for event in seen] == [("state", "failed")]
