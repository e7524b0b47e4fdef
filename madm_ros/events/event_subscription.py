# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A subscription to a stream of many small messages: serialised, and taken in batches."""

from __future__ import annotations

from collections.abc import Callable, Collection

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from madm_ros.error_log import ErrorLog
from madm_ros.matching_subscription import MatchingSubscription
from madm_ros.silent_topic import SilentTopic

_MOST_PER_TURN = 100
"""Messages taken at once; timers and services have to wait for them."""


class EventSubscription(MatchingSubscription):
    """Listens as its publishers offer it, to serialised messages of one of several types.

    Where none come, `watch` says so on the console.

    Args:
        node: owns the subscription.
        topic: relative or absolute name, subject to remapping.
        types: the message types that are understood.
        depth: messages that DDS keeps while the callback is busy.
        callback: called with the name of the message type and the serialised message.
        errors: where publishers are reported that cannot be understood.
        advice: what to do about those; empty: to remap the topic.

    Raises:
        ValueError: the parameter `qos_overrides.TOPIC.subscription.reliability` has a wrong value.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        types: Collection[str],
        depth: int,
        callback: Callable[[str, bytes], None],
        errors: ErrorLog,
        advice: str = "",
    ) -> None:
        advice = advice or f"remap '{topic}'"
        super().__init__(node, topic, types, errors, advice)
        self._depth = depth
        self._callback = callback
        self._silence = SilentTopic(node, tuple(types), self.topic, advice)
        self._received = self._watched = 0

    def watch(self, expected: bool = True) -> None:
        """Say once in a while that nothing comes; call about once a second.

        Args:
            expected: whether anything has to come.
        """
        self._silence.check(comes=self._received > self._watched or not expected)
        self._watched = self._received

    def subscribe(self, message_type: type, reliability: ReliabilityPolicy) -> Subscription:
        """Subscribe; a callback knows its type, also when another one has followed."""
        type_name = self.type_name
        return self.node.create_subscription(
            message_type,
            self.relative_topic,
            lambda data: self._take_all(type_name, data),
            QoSProfile(depth=self._depth, reliability=reliability),
            raw=True,
        )

    def _take_all(self, type_name: str, data: bytes) -> None:
        """Hand on a message and those behind it: a turn of the executor takes longer than a message."""
        subscription = self._subscription
        self._received += 1
        self._callback(type_name, data)
        for _ in range(_MOST_PER_TURN):
            taken = subscription.handle.take_message(subscription.msg_type, True) if subscription else None
            if taken is None:
                return
            self._received += 1
            self._callback(type_name, taken[0])
