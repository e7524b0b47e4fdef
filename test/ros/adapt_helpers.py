# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What tests of the adaptation server ask for, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adaptation_samples import SMALL
from diagnostic_msgs.msg import KeyValue
from madm_msgs.msg import AdaptJob
from madm_msgs.srv import Adapt
from rclpy.qos import DurabilityPolicy, QoSProfile

LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
JOB_S = 120.0
"""A small job on a busy machine is done by then."""


def options(**changes: str) -> list[KeyValue]:
    """Options of a quick job."""
    return [KeyValue(key=key, value=value) for key, value in {**SMALL, **changes}.items()]


def job(robot: Path, iterations: int = 2, **changes: Any) -> AdaptJob:
    """A quick job on the recording in the folder of the fixture `robot`."""
    fields = {
        "bag_uris": [str(robot / "bags" / "drive")],
        "iterations": iterations,
        "source": f"{robot / 'source'}=1",  # alone: beside it, streets would be rendered
        "options": options(),
        **changes,
    }
    return AdaptJob(**fields)


def adapt(peer: Any, message: AdaptJob) -> Adapt.Response:
    """Answer of the service."""
    return peer.call(Adapt, "/madm/adapt", Adapt.Request(job=message))
