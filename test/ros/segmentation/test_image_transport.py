# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Images through image_transport's plugins, with a stand-in of image_transport_py's interface."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from ros_helpers import FIXED_GAIN, image_message, pixels_of, wait_until
from sensor_msgs.msg import Image

from madm_ros.segmentation import image_transport


class StandIn:
    """What is used of image_transport_py.ImageTransport; a test calls what has subscribed."""

    made: list[StandIn]

    def __init__(self, node_name: str, image_transport: str = "", launch_params_filepath: str = "") -> None:
        self.node_name, self.transport, self.subscribers = node_name, image_transport, []
        self.made.append(self)

    def subscribe(self, base_topic: str, queue_size: int, callback: Any) -> Any:
        self.subscribers.append(SimpleNamespace(topic=base_topic, callback=callback, open=True))
        subscriber = self.subscribers[-1]
        return SimpleNamespace(shutdown=lambda: setattr(subscriber, "open", False))


@pytest.fixture
def transports(monkeypatch: pytest.MonkeyPatch) -> list[StandIn]:
    """Those that nodes have made since the test began."""
    StandIn.made = []
    module = ModuleType("image_transport_py")
    module.ImageTransport = StandIn
    monkeypatch.setitem(sys.modules, "image_transport_py", module)
    image_transport._transport.cache_clear()
    return StandIn.made


def test_a_plugin_brings_images_while_the_node_is_active(peer, start_node, transports) -> None:
    node = start_node(transport="zstd", **FIXED_GAIN)
    (transport,) = transports
    assert (transport.node_name, transport.transport) == ("segmentation_node_zstd", "zstd")
    (subscriber,) = transport.subscribers
    assert subscriber.topic == "/image"
    labels = peer.collect(Image, "/segmentation_node/labels")
    wait_until(lambda: node.count_subscribers("/segmentation_node/labels") == 1, "a listener")
    pixels = np.full((8, 8), 100, np.uint8)

    def answered() -> bool:
        subscriber.callback(image_message(pixels, "mono8"))
        return bool(labels)

    wait_until(answered, "labels")
    np.testing.assert_array_equal(pixels_of(labels[0]), pixels // 32)
    wait_until(lambda: node._inputs.images.rates.arrived() > 0, "images that are counted")
    node.trigger_deactivate()
    node.trigger_activate()
    assert [one.open for one in transport.subscribers] == [False, True]
    assert len(transports) == 1, "its node lasts as long as the process"
    transport.subscribers[0].callback(image_message(pixels, "mono8"))  # one that comes late is left out


def test_what_is_decoded_here_is_not_left_to_it(start_node, transports) -> None:
    for transport in ("raw", "compressed", "compressedDepth"):
        node = start_node(transport=transport)
        assert node._inputs.images.topic == "/image" + ("" if transport == "raw" else f"/{transport}")
        node.destroy_node()
    assert transports == []


def test_without_it_the_node_says_what_to_install_or_set(start_node, monkeypatch, errors) -> None:
    monkeypatch.setitem(sys.modules, "image_transport_py", None)
    node = start_node(bring_up=False, transport="ffmpeg")
    assert not node.bring_up()
    (line,) = errors()
    assert line == (
        "cannot activate: transport ffmpeg needs image_transport_py, which is not installed: install it with the "
        "plugin, or set transport to one of raw, compressed, compressedDepth"
    )
