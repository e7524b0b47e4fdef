# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A subscription to a sensor's topic, which knows what does not arrive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from madm_ros import publisher_types
from madm_ros.error_log import ErrorLog
from madm_ros.matching_subscription import MatchingSubscription
from madm_ros.segmentation.stream_rates import StreamRates


class SensorSubscription(MatchingSubscription):
    """Listens as its publishers offer it, to the newest message of one type.

    Of `qos_overrides.TOPIC.subscription`, `depth` and `history` can be set, too.

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
        super().__init__(node, topic, (publisher_types.type_name(message_type),), errors, advice)
        self.rates = StreamRates()
        """Of the messages that came, and of all that were published."""
        self._callback = callback
        self.match()

    def loss_advice(self) -> str:
        """What helps where messages do not arrive."""
        if self.reliability == ReliabilityPolicy.RELIABLE:
            return "this machine cannot take them as fast: let the camera send fewer or smaller images"
        if self.chosen is not None:
            return f"take qos_overrides.{self.topic}.subscription.reliability: best_effort out of the parameters"
        return "let the camera publish reliably, or smaller images, or transport: compressed"

    def subscribe(self, message_type: type, reliability: ReliabilityPolicy) -> Subscription:
        """Subscribe, with a queue of one unless parameters say something else."""
        self.rates.subscribed()
        return self.node.create_subscription(
            message_type,
            self.relative_topic,
            self._take,
            QoSProfile(depth=1, reliability=reliability),
            qos_overriding_options=QoSOverridingOptions((QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH)),
        )

    def _take(self, message: Any, info: Mapping[str, Any]) -> None:
        self.rates.note(info)
        self._callback(message)
