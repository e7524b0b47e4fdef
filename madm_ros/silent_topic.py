# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A topic on which nothing comes: said on the console, with the topics that could be meant."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.node import Node

from madm_ros import publisher_types
from madm_ros.diagnostic_reports import WINDOW_S

_REPEAT_AFTER_S = 30.0
_MOST_NAMED = 8


class SilentTopic:
    """Warns when nothing has come for `WINDOW_S` seconds, and again every half minute.

    Args:
        node: asks the graph and logs.
        types: names of the message types that are understood, such as sensor_msgs/msg/Image.
        topic: resolved name.
        advice: what helps, such as "remap 'image'".
        clock: seconds on a clock that never goes back.
    """

    def __init__(
        self,
        node: Node,
        types: tuple[str, ...],
        topic: str,
        advice: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node, self._types, self._topic, self._advice = node, types, topic, advice
        self._clock = clock
        self._heard: float | None = None
        self._told = float("-inf")

    def check(self, comes: bool) -> None:
        """Call about once a second.

        Args:
            comes: whether something has come lately.
        """
        now = self._clock()
        if comes or self._heard is None:  # before the first call the node may have been loading, and not listened
            self._heard, self._told = now, float("-inf")
        elif now - self._heard >= WINDOW_S and now - self._told >= _REPEAT_AFTER_S:
            self._told = now
            self._node.get_logger().warning(self._sentence(now - self._heard))

    def _sentence(self, silent_s: float) -> str:
        sentence = f"nothing has come on {self._topic} for {silent_s:.0f} s"
        publishers = [
            publisher
            for publisher in self._node.get_publishers_info_by_topic(self._topic)
            if publisher.topic_type in self._types
        ]
        if publishers:
            names = sorted({publisher_types.node_name(publisher) for publisher in publishers})
            return f"{sentence}, though {', '.join(names)} offers to publish there: see whether it sends"
        others = self._others()
        if not others:
            return f"{sentence}: nobody publishes there, nor {' or '.join(self._types)} anywhere else"
        more = f" and {len(others) - _MOST_NAMED} more" if len(others) > _MOST_NAMED else ""
        return f"{sentence}: nobody publishes there, but on {', '.join(others[:_MOST_NAMED])}{more}: {self._advice}"

    def _others(self) -> list[str]:
        """Topics of the right type that someone publishes on, but for what this and segmentation nodes make."""
        topics = dict(self._node.get_topic_names_and_types())
        own = {publisher.topic_name for publisher in self._node.publishers}
        return [
            topic
            for topic, types in sorted(topics.items())
            if topic not in own
            and f"{topic.rpartition('/')[0]}/label_info" not in topics
            and set(types) & set(self._types)
            and self._node.count_publishers(topic)
        ]
