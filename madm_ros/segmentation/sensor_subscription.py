# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A subscription to a sensor's topic: as reliable as its publishers, and it knows what does not arrive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from madm_ros import publisher_types
from madm_ros.error_log import ErrorLog
from madm_ros.segmentation.stream_rates import StreamRates

_FOLLOW = "best_available"
"""ROS 2's word for: as reliable as who publishes."""
_CHOICES = {_FOLLOW: None, "reliable": ReliabilityPolicy.RELIABLE, "best_effort": ReliabilityPolicy.BEST_EFFORT}


class SensorSubscription:
    """Listens once someone publishes: reliably if all publishers offer it, else best effort; anew when that changes.

    Over best effort, Fast DDS loses messages of more than half a megabyte; a reliable subscription would not hear
    drivers that publish best effort. The parameter `qos_overrides.TOPIC.subscription.reliability` decides instead where
    it is `reliable` or `best_effort`; `depth` and `history` can be set as usual.

    Args:
        node: owns the subscription.
        message_type: of the messages.
        topic: relative or absolute name, subject to remapping.
        callback: called with each message, in the executor.
        errors: where publishers of another message type are reported.
        advice: what to do about those, such as "remap 'image'".

    Raises:
        ValueError: the parameter has another value.
    """

    def __init__(
        self,
        node: Node,
        message_type: type,
        topic: str,
        callback: Callable[[Any], None],
        errors: ErrorLog,
        advice: str,
    ) -> None:
        self.topic = node.resolve_topic_name(topic)
        self.message_type = message_type
        self.rates = StreamRates()
        """Of the messages that came, and of all that were published."""
        self._node = node
        self._relative = topic
        self._callback = callback
        self._errors = errors
        self._advice = advice
        self._chosen = self._override()
        self._subscription: Subscription | None = None
        self._reliability: ReliabilityPolicy | None = None
        self._closed = False
        # A transition may end it in another thread than the one that looks who publishes.
        self._lock = threading.Lock()
        self.match()

    def loss_advice(self) -> str:
        """What helps where messages do not arrive."""
        if self._reliability == ReliabilityPolicy.RELIABLE:
            return "this machine cannot take them as fast: let the camera send fewer or smaller images"
        if self._chosen is not None:
            return f"take qos_overrides.{self.topic}.subscription.reliability: best_effort out of the parameters"
        return "let the camera publish reliably, or smaller images, or transport: compressed"

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
        expected = publisher_types.type_name(self.message_type)
        publishers = self._node.get_publishers_info_by_topic(self.topic)
        for complaint in publisher_types.complaints(publishers, self.topic, [expected]):
            self._errors.report(f"{complaint}: {self._advice}")
        offered = publisher_types.reliability(publishers, [expected])
        if offered is None:  # what there is goes on: a driver that starts again need not be another one
            return
        reliability = self._chosen or offered
        if self._subscription is not None and reliability == self._reliability:
            return
        self._unsubscribe()
        self._reliability = reliability
        self.rates.subscribed()
        self._subscription = self._node.create_subscription(
            self.message_type,
            self._relative,
            self._take,
            QoSProfile(depth=1, reliability=reliability),
            qos_overriding_options=QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)),
        )
        self._node.get_logger().info(f"listens to {self.topic}: {expected}, {reliability.name.lower()}")

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    def _take(self, message: Any, info: Mapping[str, Any]) -> None:
        self.rates.note(info)
        self._callback(message)

    def _override(self) -> ReliabilityPolicy | None:
        """What the user's parameter says, None where the publishers decide."""
        name = f"qos_overrides.{self.topic}.subscription.reliability"
        if not self._node.has_parameter(name):
            description = f"reliable, best_effort, or {_FOLLOW}: as the publishers of the topic"
            descriptor = ParameterDescriptor(description=description, read_only=True)
            self._node.declare_parameter(name, _FOLLOW, descriptor)
        value = self._node.get_parameter(name).value
        if value not in _CHOICES:
            raise ValueError(f"{name} is '{value}': it has to be one of {', '.join(_CHOICES)}")
        return _CHOICES[value]
