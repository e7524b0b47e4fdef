"""Names of message types to rclpy's classes."""

from __future__ import annotations

import importlib

SAME_FIELDS = {"event_array_msgs/msg/EventArray": "event_camera_msgs/msg/EventPacket"}
"""Types that became another one under a new name: the same fields in the same order, so the same bytes."""


def message_class(type_name: str) -> type | None:
    """The rclpy class of a type like sensor_msgs/msg/Image; None if its package is not installed."""
    package, _, name = type_name.partition("/msg/")
    try:
        return getattr(importlib.import_module(f"{package}.msg"), name)
    except (ImportError, AttributeError, ValueError):
        return None
