# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The rule that maps a sensor's clock to ROS time."""

from __future__ import annotations

_DRIFT = 1e-4
"""How far the two clocks may drift apart: 100 microseconds a second covers ordinary crystals."""
_JUMP_NS = 1_000_000_000
"""An offset that moves further than this is a restarted clock, not jitter."""


class SensorClock:
    """ROS time = sensor time + offset, the offset being the smallest one seen.

    A packet's header is stamped when the host receives its first events, so `stamp - first event time` is the true
    offset plus a delay that is never negative: the smallest such difference is the best estimate, and later packets
    held up on their way do not move the stamps of frames. So that drifting clocks do not leave the estimate behind,
    it may rise by 100 microseconds a second. A difference more than a second away means that a clock was set or
    started anew, and the offset starts from there.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._seen_us = 0

    def observe(self, stamp_ns: int, first_us: int) -> None:
        """Take in a packet: its header stamp in ROS nanoseconds and its first event in sensor microseconds."""
        offset = stamp_ns - first_us * 1000
        if self._offset_ns is None or abs(offset - self._offset_ns) > _JUMP_NS:
            self._offset_ns = offset
        else:
            risen = self._offset_ns + int(max(first_us - self._seen_us, 0) * 1000 * _DRIFT)
            self._offset_ns = min(offset, risen)
        self._seen_us = first_us

    def to_ros_ns(self, sensor_us: int) -> int:
        """ROS time in nanoseconds of a sensor time in microseconds; the sensor time itself before any packet."""
        return sensor_us * 1000 + (self._offset_ns or 0)

    def to_sensor_us(self, ros_ns: int) -> int:
        """Sensor time in microseconds of a ROS time in nanoseconds."""
        return (ros_ns - (self._offset_ns or 0)) // 1000
