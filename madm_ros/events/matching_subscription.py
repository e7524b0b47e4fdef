# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A subscription that fits whoever publishes."""

from __future__ import annotations

from collections.abc import Callable, Collection

from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

from madm_ros import publisher_types
from madm_ros.error_log import ErrorLog
from madm_ros.message_types import message_class
from madm_ros.segmentation.silent_topic import SilentTopic

_MOST_PER_TURN = 100
"""Messages taken at once; timers and services have to wait for them."""


class MatchingSubscription:
    """Listens to a topic once someone publishes on it, with the publisher's message type, and reliably if it offers so.

    Drivers publish best effort, which a reliable subscription would not hear; bags are played reliably, and over best
    effort large messages get lost. Messages come serialised. Where none come, `watch` says so on the console.

    Args:
        node: owns the subscription.
        topic: relative or absolute name, subject to remapping.
        types: the message types that are understood.
        depth: messages that DDS keeps while the callback is busy.
        callback: called with the name of the message type and the serialised message.
        errors: where publishers are reported that cannot be understood.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        types: Collection[str],
        depth: int,
        callback: Callable[[str, bytes], None],
        errors: ErrorLog,
    ) -> None:
        self.topic = node.resolve_topic_name(topic)
        self.type_name = ""
        """The type listened to; empty before anyone published."""
        self._node = node
        self._relative = topic
        self._types = types
        self._depth = depth
        self._callback = callback
        self._errors = errors
        self._reliability: ReliabilityPolicy | None = None
        self._subscription: Subscription | None = None
        self._silence = SilentTopic(node, tuple(types), self.topic, f"remap '{topic}'")
        self._received = self._watched = 0

    def watch(self, expected: bool = True) -> None:
        """Say once in a while that nothing comes; call about once a second.

        Args:
            expected: whether anything has to come.
        """
        self._silence.check(comes=self._received > self._watched or not expected)
        self._watched = self._received

    def match(self) -> None:
        """Look who publishes, and subscribe or subscribe anew if the present subscription does not fit; call often."""
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        for complaint in publisher_types.complaints(publishers, self.topic, self._types):
            self._errors.report(f"{complaint}: remap '{self._relative}'")
        understood = [publisher for publisher in publishers if publisher.topic_type in self._types]
        if not understood:
            return
        type_name = understood[0].topic_type
        reliability = publisher_types.reliability(publishers, self._types)
        if self._subscription is not None and (type_name, reliability) == (self.type_name, self._reliability):
            return
        message_type = message_class(type_name)
        if message_type is None:
            package = type_name.split("/")[0]
            self._errors.report(f"{self.topic} bears {type_name}: install the package {package}, which is missing")
            return
        self.close()
        self.type_name, self._reliability = type_name, reliability
        self._subscription = self._node.create_subscription(
            message_type,
            self._relative,
            lambda data: self._take_all(type_name, data),
            QoSProfile(depth=self._depth, reliability=reliability),
            raw=True,
        )
        self._node.get_logger().info(f"listens to {self.topic}: {type_name}, {reliability.name.lower()}")

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

    def close(self) -> None:
        """Stop listening."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
