# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
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
