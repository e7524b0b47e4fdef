"""A recorded message as it lies in its bag."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Topic:
    """One topic of a bag."""

    name: str
    """As recorded, with its leading slash."""
    type: str
    """Message type, like sensor_msgs/msg/Image."""
    count: int
    """Messages that can be read."""
    definition: str
    """Text of the message definition stored in the bag; empty where the bag holds none."""


@dataclass(frozen=True)
class RawMessage:
    """One message as it lies in the bag."""

    topic: Topic
    data: bytes
    """Serialised message, CDR: what an rclpy publisher sends as it is."""
    stamp_ns: int
    """When it was recorded, nanoseconds."""
