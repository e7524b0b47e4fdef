# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Images by any transport: those that are decoded here, and those that image_transport's plugins decode."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image

from madm_ros import publisher_types
from madm_ros.default_names import DECODED_TRANSPORTS, TRANSPORT_SUFFIX
from madm_ros.error_log import ErrorLog
from madm_ros.segmentation.sensor_subscription import SensorSubscription
from madm_ros.segmentation.stream_rates import StreamRates

_PLUGIN_TYPES = {
    "ffmpeg": "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
    "theora": "theora_image_transport/msg/Packet",
    "zstd": "sensor_msgs/msg/CompressedImage",
}
"""Transport of a plugin -> what its topic bears."""


def subscribe_images(
    node: Node, transport: str, on_image: Callable[[Image | CompressedImage], None], errors: ErrorLog, advice: str
) -> SensorSubscription | TransportSubscription:
    """Listen to `image` by a transport: on the topic that image_transport's convention names where this project decodes
    it, through image_transport_py where a plugin does.

    image_transport_py asks every camera for reliability, tells nothing of lost images and hands each one over byte by
    byte, so that it is for what cannot be had otherwise.

    Args:
        node: owns the subscription.
        transport: a key of `TRANSPORT_SUFFIX`.
        on_image: called with each image, from any thread.
        errors: where publishers of another message type are reported.
        advice: what to do about those.

    Raises:
        ValueError: image_transport_py is needed and not installed, or a parameter of quality of service is wrong.
    """
    if transport in DECODED_TRANSPORTS:
        kind = Image if transport == "raw" else CompressedImage
        topic = node.resolve_topic_name("image") + TRANSPORT_SUFFIX[transport]
        return SensorSubscription(node, kind, topic, on_image, errors, advice)
    return TransportSubscription(node, transport, on_image)


def image_type(transport: str) -> str:
    """What a transport's topic bears, like sensor_msgs/msg/Image."""
    if transport in _PLUGIN_TYPES:
        return _PLUGIN_TYPES[transport]
    return publisher_types.type_name(Image if transport == "raw" else CompressedImage)


def image_transport_class() -> Any | None:
    """image_transport_py's ImageTransport, None where a distribution does not bring it; it has no wheels."""
    try:
        from image_transport_py import ImageTransport
    except ImportError:
        return None
    return ImageTransport


class TransportSubscription:
    """Listens through a plugin of image_transport, in a node and a thread that image_transport_py makes.

    Arguments and errors as of `subscribe_images`.
    """

    def __init__(self, node: Node, transport: str, on_image: Callable[[Image], None]) -> None:
        if image_transport_class() is None:
            raise ValueError(
                f"transport {transport} needs image_transport_py, which is not installed: install it with the plugin, "
                f"or set transport to one of {', '.join(DECODED_TRANSPORTS)}"
            )
        base = node.resolve_topic_name("image")
        self.topic = base + TRANSPORT_SUFFIX[transport]
        self.rates = StreamRates()
        """Of the images that came; what gets lost on the way is not known."""
        self._on_image: Callable[[Image], None] | None = on_image
        name = f"{node.get_fully_qualified_name().strip('/').replace('/', '_')}_{transport}"
        self._subscriber = _transport(name, transport).subscribe(base, 1, self._take)

    def loss_advice(self) -> str:
        """Nothing: what is lost is not known."""
        return ""

    def match(self) -> None:
        """Nothing: the plugin finds its publishers by itself."""

    def close(self) -> None:
        """Stop listening, for good."""
        self._on_image = None
        self._subscriber.shutdown()

    def _take(self, message: Image) -> None:
        on_image = self._on_image
        if on_image is not None:
            self.rates.note({})
            on_image(message)


@cache
def _transport(name: str, transport: str) -> Any:
    """One for a node and a transport: its own node and thread last as long as the process."""
    return image_transport_class()(name, image_transport=transport)
