# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which cloud belongs to which picture: messages of two topics whose stamps are near each other.

The rule is that of message_filters' ApproximateTimeSynchronizer, and where message_filters is installed it is that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

JUMP_S = 1.0
"""A stamp that lies so much before the newest of its topic, or frame of TF, tells that time starts again, as
when a bag is looped."""


def stamp_ns(message: Any) -> int:
    """The stamp of a message's header, nanoseconds."""
    return message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec


class OwnSynchronizer:
    """Pairs a message that comes with the nearest one of the other topic, if that is near enough.

    Args:
        queue_size: messages that wait per topic; the oldest stamps are dropped.
        max_interval_s: the stamps of a pair are nearer to each other than this.
        on_pair: called with the messages of topic 0 and 1.
    """

    def __init__(self, queue_size: int, max_interval_s: float, on_pair: Callable[[Any, Any], None]) -> None:
        self._queue_size, self._max_interval_ns, self._on_pair = queue_size, round(max_interval_s * 1e9), on_pair
        self._waiting: tuple[dict[int, Any], dict[int, Any]] = ({}, {})

    def add(self, topic: int, message: Any) -> None:
        """Take a message of topic 0 or 1."""
        own, other = self._waiting[topic], self._waiting[1 - topic]
        stamp = stamp_ns(message)
        own[stamp] = message
        while len(own) > self._queue_size:
            del own[min(own)]
        nearest = min(other, key=lambda there: abs(there - stamp), default=None)
        if stamp in own and nearest is not None and abs(nearest - stamp) < self._max_interval_ns:
            pair = own.pop(stamp), other.pop(nearest)
            self._on_pair(*(pair if topic == 0 else pair[::-1]))


class _MessageFilters:
    """message_filters' synchronizer, fed by hand."""

    def __init__(self, queue_size: int, max_interval_s: float, on_pair: Callable[[Any, Any], None]) -> None:
        from message_filters import ApproximateTimeSynchronizer, SimpleFilter

        self._filters = SimpleFilter(), SimpleFilter()
        self._synchronizer = ApproximateTimeSynchronizer(list(self._filters), queue_size, max_interval_s)
        self._synchronizer.registerCallback(on_pair)

    def add(self, topic: int, message: Any) -> None:
        self._filters[topic].signalMessage(message)


class Pairing:
    """Pairs messages, and begins anew where time does.

    Args:
        queue_size, max_interval_s, on_pair: as of `OwnSynchronizer`.
    """

    def __init__(self, queue_size: int, max_interval_s: float, on_pair: Callable[[Any, Any], None]) -> None:
        self._arguments = queue_size, max_interval_s, on_pair
        self._begin()

    def add(self, topic: int, message: Any) -> None:
        """Take a message of topic 0 or 1; anything with a header."""
        stamp = stamp_ns(message)
        if stamp < self._newest[topic] - JUMP_S * 1e9:
            self._begin()
        self._newest[topic] = max(stamp, self._newest[topic])
        self._synchronizer.add(topic, message)

    def apart_s(self) -> float | None:
        """How far the newest stamps of the two topics are apart, seconds; None before both have come."""
        return None if min(self._newest) < 0 else (self._newest[0] - self._newest[1]) / 1e9

    def _begin(self) -> None:
        self._newest = [-1, -1]
        try:
            self._synchronizer: Any = _MessageFilters(*self._arguments)
        except ImportError:
            self._synchronizer = OwnSynchronizer(*self._arguments)


class ExactPairing:
    """Pairs messages with the very same stamp, which come from one node one after the other.

    Args:
        on_pair: called with the messages of topic 0 and 1.
    """

    _MOST = 10
    """Messages that wait per topic."""

    def __init__(self, on_pair: Callable[[Any, Any], None]) -> None:
        self._on_pair = on_pair
        self._waiting: tuple[dict[int, Any], dict[int, Any]] = ({}, {})

    def add(self, topic: int, message: Any) -> None:
        """Take a message of topic 0 or 1."""
        stamp = stamp_ns(message)
        partner = self._waiting[1 - topic].pop(stamp, None)
        if partner is not None:
            self._on_pair(*((message, partner) if topic == 0 else (partner, message)))
            return
        own = self._waiting[topic]
        own.pop(stamp, None)
        own[stamp] = message
        if len(own) > self._MOST:  # those that came first, whatever their stamps: a looped bag begins anew
            del own[next(iter(own))]
