# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How the recorder is doing, as a report on /diagnostics."""

from __future__ import annotations

from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticStatus

from madm_model.recorder.recorder import RecorderStanding
from madm_ros.diagnostic_reports import WINDOW_S, make_status


@dataclass(frozen=True)
class RecorderHealth:
    """What the node knows about itself when it reports."""

    topic: str
    """What is recorded."""
    type_name: str
    """Message type listened to; empty while nobody publishes."""
    folder: str
    """Where the segments go."""
    standing: RecorderStanding
    """What is on disk, and what became of the messages."""
    skipped: int
    """Messages above `max_fps`."""
    shed: int
    """Messages dropped because the disk could not keep up."""
    failed: int
    """Images that cannot be decoded."""
    silent_s: float
    """For how long no message has come."""
    last_error: str
    """The last error if it is recent, else empty."""
    last_warning: str
    """The last loss of another kind if it is recent, else empty."""


def recorder_status(name: str, health: RecorderHealth) -> DiagnosticStatus:
    """The report: ERROR after a recent error, WARN after a recent loss or where nothing comes, else OK.

    Args:
        name: fully qualified name of the node.
        health: what to report.
    """
    standing = health.standing
    values = {
        "topic": health.topic,
        "message type": health.type_name,
        "folder": health.folder,
        "segments": str(standing.segments),
        "bytes": str(standing.bytes),
        "kept": str(standing.kept),
        "thinned: nothing moved": str(standing.still),
        "thinned: above max_fps": str(health.skipped),
        "dropped": str(standing.dropped + health.shed),
        "failed": str(health.failed),
    }
    return make_status(name, "recording", _assess(health), values, hardware_id=health.topic)


def _assess(health: RecorderHealth) -> tuple[bytes, str]:
    if health.last_error:
        return DiagnosticStatus.ERROR, health.last_error
    if health.last_warning:
        return DiagnosticStatus.WARN, health.last_warning
    if not health.type_name:
        return DiagnosticStatus.WARN, f"nobody publishes on {health.topic}: nothing is recorded"
    if health.silent_s > WINDOW_S:
        return DiagnosticStatus.WARN, f"no message on {health.topic} for {health.silent_s:.0f} s: nothing is recorded"
    standing = health.standing
    return DiagnosticStatus.OK, f"{standing.segments} segments of {standing.bytes / 1e6:.1f} MB"
