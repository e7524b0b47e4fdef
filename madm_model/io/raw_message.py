# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A recorded message as it lies in its bag."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal


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


_BYTE_ORDERS: dict[int, Literal["<", ">"]] = {0: ">", 1: "<", 6: ">", 7: "<"}
"""By the number of the encapsulation (DDS-XTypes 1.3, table 60): plain CDR and plain CDR 2, big- and little-endian."""


def byte_order(data: bytes | memoryview) -> Literal["<", ">"]:
    """Byte order of a serialised message, as `struct` writes it; its first four bytes tell.

    Raises:
        ValueError: it is not serialised as CDR or CDR 2, which differ in the place of 64-bit numbers alone.
    """
    encapsulation = int.from_bytes(data[:2], "big")
    if len(data) < 4 or encapsulation not in _BYTE_ORDERS:
        raise ValueError(f"it is not serialised as CDR (encapsulation {encapsulation:#06x})")
    return _BYTE_ORDERS[encapsulation]


def stamp_of(data: bytes | memoryview) -> int:
    """Time in the header that a message begins with, nanoseconds; nothing else of it is looked at.

    Raises:
        ValueError: it is too short to have one, or serialised in another way than `byte_order` knows.
    """
    if len(data) < 12:
        raise ValueError("it is too short")
    sec, nanosec = struct.unpack_from(f"{byte_order(data)}iI", data, 4)
    return sec * 1_000_000_000 + nanosec
