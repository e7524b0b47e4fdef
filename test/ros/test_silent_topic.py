# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from madm_ros.silent_topic import SilentTopic

IMAGE = "sensor_msgs/msg/Image"


class Graph:
    """A node in a graph of topics: name to (type, whether someone publishes)."""

    def __init__(self, **topics: tuple[str, bool]) -> None:
        self.topics = {f"/{name}": value for name, value in topics.items()}
        self.said: list[str] = []
        self.publishers: list[SimpleNamespace] = []

    def get_logger(self) -> SimpleNamespace:
        return SimpleNamespace(warning=self.said.append)

    def get_topic_names_and_types(self) -> list[tuple[str, list[str]]]:
        return [(name, [kind]) for name, (kind, _) in self.topics.items()]

    def count_publishers(self, topic: str) -> int:
        return int(self.topics[topic][1])

    def get_publishers_info_by_topic(self, topic: str) -> list[SimpleNamespace]:
        kind, there = self.topics.get(topic, ("", False))
        return [SimpleNamespace(node_namespace="/", node_name="driver", topic_type=kind)] if there else []


def _watch(graph: Graph, now: list[float]) -> SilentTopic:
    """Looked at for the first time at the present moment."""
    watch = SilentTopic(graph, (IMAGE,), "/image", "remap 'image'", lambda: now[0])
    watch.check(comes=False)
    return watch


def test_silence_is_said_once_in_a_while_with_the_topics_that_could_be_meant() -> None:
    graph, now = Graph(image=(IMAGE, False), camera=(IMAGE, True), asleep=(IMAGE, False), text=("other", True)), [0.0]
    graph.topics |= {"/me/overlay": (IMAGE, True), "/me/label_info": ("other", True), "/me/edges": (IMAGE, True)}
    graph.publishers = [SimpleNamespace(topic_name="/me/edges")]
    watch = _watch(graph, now)
    for second in range(60):
        now[0] = float(second)
        watch.check(comes=False)
    assert graph.said == [
        f"nothing has come on /image for {seconds} s: nobody publishes there, but on /camera: remap 'image'"
        for seconds in (5, 35)
    ]


def test_a_stream_that_stops_is_told_and_one_that_goes_on_is_not() -> None:
    graph, now = Graph(image=(IMAGE, True)), [0.0]
    watch = _watch(graph, now)
    for second in range(20):
        now[0] = float(second)
        watch.check(comes=second < 10)
    assert graph.said == [
        "nothing has come on /image for 5 s, though /driver offers to publish there: see whether it sends"
    ]


def test_a_publisher_of_another_type_does_not_count() -> None:
    graph, now = Graph(image=("other", True), camera=(IMAGE, True)), [0.0]
    watch = _watch(graph, now)
    now[0] = 6.0
    watch.check(comes=False)
    assert graph.said[0].endswith("nobody publishes there, but on /camera: remap 'image'")


def test_a_graph_without_any_camera() -> None:
    graph, now = Graph(), [0.0]
    watch = _watch(graph, now)
    now[0] = 6.0
    watch.check(comes=False)
    assert graph.said == [f"nothing has come on /image for 6 s: nobody publishes there, nor {IMAGE} anywhere else"]


def test_a_node_that_was_loading_has_not_listened_in_vain() -> None:
    graph, now = Graph(), [0.0]
    watch = SilentTopic(graph, (IMAGE,), "/image", "remap 'image'", lambda: now[0])
    for second in (60, 62, 64):
        now[0] = float(second)
        watch.check(comes=False)
    assert graph.said == []
    now[0] = 65.0
    watch.check(comes=False)
    assert graph.said[0].startswith("nothing has come on /image for 5 s")
