# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
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
