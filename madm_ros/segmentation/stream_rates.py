# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How many messages a second were published on a topic, and how many of them came."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from madm_ros.diagnostic_reports import WINDOW_S

_UNKNOWN = 2**64 - 1
"""The sequence number of a middleware that does not tell it."""


class StreamRates:
    """Rates over the last `WINDOW_S` seconds, or since the start where that is shorter. For several threads.

    A gap in a publisher's sequence numbers is what got lost on the way, or was replaced by something newer before it
    was taken. Where the middleware does not tell the numbers (ROS 2 before Jazzy), published is what came.

    Args:
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}
        self._messages: deque[tuple[float, int]] = deque()
        self._began = clock()

    def subscribed(self) -> None:
        """There is a new subscription: what was published before it does not count as lost."""
        with self._lock:
            self._seen.clear()

    def note(self, info: Mapping[str, Any]) -> None:
        """Count a message, with what rclpy tells about it beside its content."""
        number, publisher = info.get("publication_sequence_number"), str(info.get("publisher_gid"))
        published = 1
        with self._lock:
            if number is not None and number != _UNKNOWN:
                published = max(1, number - self._seen.get(publisher, number - 1))
                self._seen[publisher] = number
            self._messages.append((self._clock(), published))
            self._forget_old()

    def arrived(self) -> float:
        """Messages a second that came."""
        with self._lock:
            self._forget_old()
            return len(self._messages) / self._span()

    def published(self) -> float:
        """Messages a second that were published, as far as can be told."""
        with self._lock:
            self._forget_old()
            return sum(published for _, published in self._messages) / self._span()

    def _span(self) -> float:
        return max(min(WINDOW_S, self._clock() - self._began), 1.0)

    def _forget_old(self) -> None:
        while self._messages and self._clock() - self._messages[0][0] > WINDOW_S:
            self._messages.popleft()
