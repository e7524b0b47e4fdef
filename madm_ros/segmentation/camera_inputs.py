# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The segmentation node's subscriptions: images, and the camera's calibration."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from madm_ros.error_log import ErrorLog
from madm_ros.segmentation.image_transport import TransportSubscription, image_type, subscribe_images
from madm_ros.segmentation.sensor_subscription import SensorSubscription
from madm_ros.segmentation.stream_rates import StreamRates
from madm_ros.silent_topic import SilentTopic

_MATCH_PERIOD_S = 0.1


class CameraInputs:
    """Listens from the start until `close`, and says on the console where no image comes.

    Args:
        node: owns the subscriptions.
        transport: a key of `TRANSPORT_SUFFIX`.
        on_image: called with each image; None: another part of the process brings them.
        on_camera_info: called with each calibration.
        errors: where publishers of another message type are reported.

    Raises:
        ValueError: a parameter of quality of service has a wrong value, or image_transport_py is missing.
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        on_image: Callable[[Image | CompressedImage], None] | None,
        on_camera_info: Callable[[CameraInfo], None],
        errors: ErrorLog,
    ) -> None:
        self._node = node
        self.images: SensorSubscription | TransportSubscription | None = None
        """None where another part of the process brings them."""
        self._silence: SilentTopic | None = None
        if on_image is not None:
            advice = "remap 'image' to another topic or set 'transport'"
            self.images = subscribe_images(node, transport, on_image, errors, advice)
            self._silence = SilentTopic(node, (image_type(transport),), self.images.topic, advice)
        self.rates = self.images.rates if self.images is not None else StreamRates()
        """Of the images; who brings them in place of a subscription has to note each."""
        self._camera_info = SensorSubscription(
            node, CameraInfo, "camera_info", on_camera_info, errors, "remap 'camera_info'"
        )
        # A steady clock: the node listens also where /clock stands still.
        self._timer = node.create_timer(_MATCH_PERIOD_S, self._match, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def close(self) -> None:
        """Stop listening; where one step fails, the others are taken all the same."""
        with ExitStack() as steps:
            steps.callback(self._camera_info.close)
            if self.images is not None:
                steps.callback(self.images.close)
            steps.callback(self._node.destroy_timer, self._timer)

    def _match(self) -> None:
        self._camera_info.match()
        if self.images is not None:
            self.images.match()
            self._silence.check(bool(self.rates.arrived()))
