# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Who publishes what cannot be understood on a topic."""

from __future__ import annotations

from collections.abc import Collection

from rclpy.qos import ReliabilityPolicy
from rclpy.topic_endpoint_info import TopicEndpointInfo

_NOT_YET_KNOWN = "_NODE_NAME_UNKNOWN_"
"""What the graph calls a publisher's node until the node's own announcement has arrived."""


def type_name(message_class: type) -> str:
    """rclpy's class to the name in the graph, like sensor_msgs/msg/Image."""
    package, kind = message_class.__module__.split(".")[:2]
    return f"{package}/{kind}/{message_class.__name__}"


def node_name(publisher: TopicEndpointInfo) -> str:
    """Fully qualified name of a publisher's node."""
    return f"{publisher.node_namespace.rstrip('/')}/{publisher.node_name}"


def complaints(publishers: Collection[TopicEndpointInfo], topic: str, types: Collection[str]) -> list[str]:
    """One sentence for each publisher of another message type.

    Args:
        publishers: of the topic, from the node's `get_publishers_info_by_topic`.
        topic: resolved name.
        types: what is understood, like sensor_msgs/msg/Image.

    Returns:
        Sentences without advice, such as "/camera/driver publishes std_msgs/msg/String on /image, which has to be ...";
        a publisher whose name is not known yet is left for the next call.
    """
    return [
        f"{node_name(publisher)} publishes {publisher.topic_type} on {topic}, which has to be {' or '.join(types)}"
        for publisher in publishers
        if publisher.topic_type not in types and publisher.node_name != _NOT_YET_KNOWN
    ]


def reliability(publishers: Collection[TopicEndpointInfo], types: Collection[str]) -> ReliabilityPolicy | None:
    """What a subscription has to ask for to hear all publishers, and reliably if all offer it.

    Args:
        publishers: of the topic.
        types: what is understood; other publishers do not count.

    Returns:
        None without a publisher.
    """
    offers = {publisher.qos_profile.reliability for publisher in publishers if publisher.topic_type in types}
    if not offers:
        return None
    return ReliabilityPolicy.RELIABLE if offers == {ReliabilityPolicy.RELIABLE} else ReliabilityPolicy.BEST_EFFORT
