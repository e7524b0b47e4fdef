# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What readers of the labels rely on: vision_msgs' definition of LabelInfo, and nav2's semantic segmentation layer.

The layer (kiwicampus/semantic_segmentation_layer) takes pixel (u, v) from data[v * width + u], ignores frames that
come before the class map, looks classes up by name, skips ids it does not know, and wants the cloud to have a point
per pixel in the same order; its class map subscription is reliable and transient local.
"""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_helpers import FIXED_GAIN, image_message, wait_until
from sensor_msgs.msg import Image
from vision_msgs.msg import LabelInfo

from madm_model.labels import IGNORE, STREET_9
from madm_ros.segmentation.publications import Publications

LATCHED = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)


def test_class_map_names_every_id_and_not_the_reserved_one(peer, start_node) -> None:
    start_node(confidence_threshold=0.25)
    infos = peer.collect(LabelInfo, "/segmentation_node/label_info", LATCHED)
    wait_until(lambda: infos, "the class map")
    assert [(item.class_id, item.class_name) for item in infos[0].class_map] == list(enumerate(STREET_9.names))
    assert IGNORE not in [item.class_id for item in infos[0].class_map]
    assert infos[0].threshold == 0.25
    assert infos[0].header.stamp.sec > 0


def test_class_map_comes_without_images_and_to_late_subscribers(peer, start_node) -> None:
    start_node()
    labels = peer.collect(Image, "/segmentation_node/labels")
    peer.send(peer.publisher(Image, "/image"), image_message(np.zeros((8, 8), np.uint8), "mono8"), lambda: labels)
    late = peer.collect(LabelInfo, "/segmentation_node/label_info", LATCHED)
    wait_until(lambda: late, "the class map for a late subscriber")
    assert len(late[0].class_map) == len(STREET_9)


def test_class_map_is_published_before_the_node_listens_to_images(peer, start_node, monkeypatch) -> None:
    peer.publisher(Image, "/image")  # the node listens where someone publishes
    topics_then: list[str] = []
    publish = Publications.publish_class_map

    def publish_and_look(self: Publications, threshold: float) -> None:
        topics_then.extend(subscription.topic_name for subscription in self._node.subscriptions)
        publish(self, threshold)

    monkeypatch.setattr(Publications, "publish_class_map", publish_and_look)
    node = start_node()
    assert "/image" not in topics_then
    wait_until(lambda: "/image" in [subscription.topic_name for subscription in node.subscriptions], "a subscription")


def test_a_new_threshold_is_announced(peer, start_node) -> None:
    node = start_node()
    infos = peer.collect(LabelInfo, "/segmentation_node/label_info", LATCHED)
    wait_until(lambda: infos, "the class map")
    (result,) = node.set_parameters([Parameter("confidence_threshold", value=0.75)])
    assert result.successful
    wait_until(lambda: len(infos) == 2, "the new class map")
    assert infos[1].threshold == 0.75
    assert infos[1].class_map == infos[0].class_map


def test_labels_read_as_nav2_reads_them(peer, start_node) -> None:
    """Odd width: a padded row would shift every pixel after the first row."""
    start_node(**FIXED_GAIN)
    labels = peer.collect(Image, "/segmentation_node/labels")
    picture = np.random.default_rng(0).integers(0, 256, (5, 7), np.uint8)
    peer.send(peer.publisher(Image, "/image"), image_message(picture, "mono8"), lambda: labels)
    message = labels[0]
    assert message.encoding == "mono8"
    assert message.step == message.width
    assert len(message.data) == message.width * message.height
    for v, u in np.ndindex(5, 7):
        assert message.data[v * message.width + u] == picture[v, u] // 32
