# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the adaptation server tells people: lines on its console, and a status of its own on /diagnostics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus

from madm_model.jobs.cost import in_words
from madm_model.jobs.state import State
from madm_model.store import Snapshot
from madm_ros.adapt.messages import to_text
from madm_ros.adapt.standing import Standing
from madm_ros.diagnostic_reports import make_status

ADAPTATION = "adaptation"
"""What follows the node's name in the name of its status."""


def ready_line(modality: str, store: Path, active: str, roots: Sequence[Path]) -> str:
    """One line after the start: what is adapted, where versions go, and where recordings may lie."""
    where = f"recordings may lie in {', '.join(map(str, roots))}" if roots else NO_ROOTS
    if missing := missing_roots(roots):
        where += f"; not there: {', '.join(map(str, missing))}"
    return f"ready to adapt {modality}: versions go to {store}, where {active} is active; {where}"


def missing_roots(roots: Sequence[Path]) -> list[Path]:
    """Folders that recordings may lie in, but which are not there."""
    return [root for root in roots if not root.is_dir()]


NO_ROOTS = "no bag_roots are set, so that every job is refused: set bag_roots to the folders of your recordings"


def progress_line(standing: Standing) -> str:
    """How far a job is: before its first iteration what it does instead, empty where there is none."""
    event = standing.progress
    if not event.get("iteration"):
        return f"job {standing.job_id}: {standing.state.message or standing.state.state}" if standing.is_busy else ""
    left = event.get("eta", -1.0)
    eta = f", {in_words(left)} left" if left >= 0 else ""
    return f"job {standing.job_id}: iteration {event['iteration']} of {event.get('iterations', 0)}{eta}"


def server_status(
    name: str,
    standing: Standing,
    snapshot: Snapshot,
    roots: Sequence[Path],
    followers: Sequence[str],
    rival: str,
    advice: str = "",
) -> DiagnosticStatus:
    """The report: ERROR with another server in its place, WARN where every job is refused, one failed or is due.

    Args:
        name: fully qualified name of the node.
        standing: of the running or the last job.
        snapshot: of the store.
        roots: folders that recordings may lie in.
        followers: nodes that follow the store.
        rival: what is to be said about another server; empty without one.
        advice: what to do where the input stays unlike what the model knows; empty where it does not.
    """
    values = {
        "state": standing.state.state.value,
        "job": standing.job_id,
        "progress": progress_line(standing),
        "active version": snapshot.active,
        "versions": str(len(snapshot.versions)),
        "followers": ", ".join(followers),
    }
    level, message = _assess(standing, roots, rival, advice)
    texts = {key: to_text(value) for key, value in values.items()}
    return make_status(name, ADAPTATION, (level, to_text(message)), texts)


def _assess(standing: Standing, roots: Sequence[Path], rival: str, advice: str) -> tuple[bytes, str]:
    if rival:
        return DiagnosticStatus.ERROR, rival
    if not roots:
        return DiagnosticStatus.WARN, NO_ROOTS
    if standing.is_busy:
        return DiagnosticStatus.OK, progress_line(standing)
    if advice:
        return DiagnosticStatus.WARN, advice
    failed = standing.state.state in (State.FAILED, State.INTERRUPTED)
    return DiagnosticStatus.WARN if failed else DiagnosticStatus.OK, standing.state.message or "no job yet"
