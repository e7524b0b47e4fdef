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
        "source": str(robot / "source"),
        "options": options(),
        **changes,
    }
    return AdaptJob(**fields)


def adapt(peer: Any, message: AdaptJob) -> Adapt.Response:
    """Answer of the service."""
    return peer.call(Adapt, "/madm/adapt", Adapt.Request(job=message))
