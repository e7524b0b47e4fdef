"""A job's process is read to its end, whatever becomes of its events."""

from __future__ import annotations

import sys
import threading
from typing import Any

from madm_model.adaptation.job_request import JobFolder
from madm_ros.job_process import JobProcess


def test_what_a_library_prints_does_not_hide_the_end(tmp_path, monkeypatch) -> None:
    """Bytes that are not UTF-8, and a line that is no event."""
    program = tmp_path / "python"
    event = '{"event": "state", "state": "failed"}'
    program.write_text(f"#!/bin/sh\nprintf 'caf\\351\\n'\necho '{event}'\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    seen: list[dict[str, Any]] = []
    statuses: list[int] = []
    folder = JobFolder.reserve(tmp_path)
    JobProcess(tmp_path, folder.job_id, seen.append, statuses.append).end(60)
    assert (seen, statuses) == ([{"event": "state", "state": "failed"}], [3])


def test_an_event_that_cannot_be_handed_on_does_not_hide_the_end(tmp_path) -> None:
    seen: list[dict[str, Any]] = []
    ended, statuses = threading.Event(), []

    def on_event(event: dict[str, Any]) -> None:
        seen.append(event)
        raise RuntimeError("nobody to tell")

    def on_exit(status: int) -> None:
        statuses.append(status)
        ended.set()

    folder = JobFolder.reserve(tmp_path)  # without a request: the job fails at once
    JobProcess(tmp_path, folder.job_id, on_event, on_exit)
    assert ended.wait(60)
    assert statuses == [1]
    assert [(event["event"], event["state"]) for event in seen] == [("state", "failed")]
