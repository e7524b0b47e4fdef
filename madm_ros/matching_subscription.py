# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A subscription that fits whoever publishes: with its message type, and as reliable as it."""

from __future__ import annotations

import threading
from collections.abc import Collection

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import Subscription

from madm_ros import publisher_types
from madm_ros.error_log import ErrorLog
from madm_ros.message_types import message_class

_FOLLOW = "best_available"
"""ROS 2's word for: as reliable as who publishes."""
_CHOICES = {_FOLLOW: None, "reliable": ReliabilityPolicy.RELIABLE, "best_effort": ReliabilityPolicy.BEST_EFFORT}


class MatchingSubscription:
    """Listens once someone publishes: reliably if all publishers offer it, else best effort; anew when that changes.

    Over best effort, Fast DDS loses messages of more than half a megabyte; a reliable subscription would not hear
    drivers that publish best effort. The parameter `qos_overrides.TOPIC.subscription.reliability` decides instead where
    it is `reliable` or `best_effort`. How it listens is in `subscribe`, which a child class has.

    Args:
        node: owns the subscription.
        topic: relative or absolute name, subject to remapping.
        types: the message types that are understood.
        errors: where publishers are reported that cannot be understood.
        advice: what to do about those, such as "remap 'image'".

    Raises:
        ValueError: the parameter has another value.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        types: Collection[str],
        errors: ErrorLog,
        advice: str,
    ) -> None:
        self.topic = node.resolve_topic_name(topic)
        self.type_name = ""
        """The type listened to; empty before anyone published."""
        self.reliability: ReliabilityPolicy | None = None
        """What the present subscription asks for; None before anyone published."""
        self.node = node
        self.relative_topic = topic
        self.chosen = _override(node, self.topic)
        """The reliability to ask for in any case; None: as the publishers."""
        self._types, self._errors, self._advice = types, errors, advice
        self._subscription: Subscription | None = None
        self._closed = False
        # A transition may end it in another thread than the one that looks who publishes.
        self._lock = threading.Lock()

    def subscribe(self, message_type: type, reliability: ReliabilityPolicy) -> Subscription:
        """Subscribe to `relative_topic`."""
        raise NotImplementedError

    def match(self) -> None:
        """Look who publishes, and subscribe, or subscribe anew if the present subscription does not fit; call often."""
        with self._lock:
            if not self._closed:
                self._match()

    def close(self) -> None:
        """Stop listening, for good."""
        with self._lock:
            self._closed = True
            self._unsubscribe()

    def _match(self) -> None:
        publishers = self.node.get_publishers_info_by_topic(self.topic)
        for complaint in publisher_types.complaints(publishers, self.topic, self._types):
            self._errors.report(f"{complaint}: {self._advice}")
        understood = [publisher.topic_type for publisher in publishers if publisher.topic_type in self._types]
        if not understood:  # what there is goes on: a driver that starts again need not be another one
            return
        type_name = understood[0]
        reliability = self.chosen or publisher_types.reliability(publishers, self._types)
        if self._subscription is not None and (type_name, reliability) == (self.type_name, self.reliability):
            return
        message_type = message_class(type_name)
        if message_type is None:
            package = type_name.split("/")[0]
            self._errors.report(f"{self.topic} bears {type_name}: install the package {package}, which is missing")
            return
        self._unsubscribe()
        self.type_name, self.reliability = type_name, reliability
        self._subscription = self.subscribe(message_type, reliability)
        self.node.get_logger().info(f"listens to {self.topic}: {type_name}, {reliability.name.lower()}")

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self.node.destroy_subscription(self._subscription)
            self._subscription = None


def _override(node: Node, topic: str) -> ReliabilityPolicy | None:
    """What the user's parameter says, None where the publishers decide."""
    name = f"qos_overrides.{topic}.subscription.reliability"
    if not node.has_parameter(name):
        description = f"reliable, best_effort, or {_FOLLOW}: as the publishers of the topic"
        node.declare_parameter(name, _FOLLOW, ParameterDescriptor(description=description, read_only=True))
    value = node.get_parameter(name).value
    if value not in _CHOICES:
        raise ValueError(f"{name} is '{value}': it has to be one of {', '.join(_CHOICES)}")
    return _CHOICES[value]
