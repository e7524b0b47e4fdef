# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The cloud label node: a cloud and a camera's labels in, the cloud with labels out.

Labels and confidence of one picture, which have one stamp, become a `LabelledPicture`; that and a cloud of about the
same time become a pair; it waits for its transform and the calibration, and is published.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import numpy as np
import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from madm_model.io.frames import InputError
from madm_model.labels import IGNORE, colour_table, read_label_set
from madm_ros.clouds import labelling, parameters
from madm_ros.clouds.diagnostics import CloudHealth, CloudRecord, CloudStatistics, cloud_status
from madm_ros.clouds.labelling import LabelledPicture
from madm_ros.clouds.pairing import ExactPairing, Pairing
from madm_ros.clouds.transforms import MissingError, make_lookup
from madm_ros.diagnostic_reports import DiagnosticsPublisher
from madm_ros.error_log import ErrorLog
from madm_ros.publisher_types import type_name
from madm_ros.running import ros_process
from madm_ros.segmentation.sensor_subscription import SensorSubscription
from madm_ros.silent_topic import SilentTopic

_RETRY_S = 0.02
"""How often a pair asks for its transform."""
_MATCH_S = 0.1
"""How often the node looks who publishes."""


class CloudLabelNode(Node):
    """Subscribes `cloud` or `depth`, `labels`, `confidence`, `camera_info` and `palette`; publishes `~/points` and
    `~/aligned_points`, each while someone listens.

    Args:
        arguments: of Node, such as namespace or parameter_overrides.

    Raises:
        ValueError: a parameter given at start makes no sense.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("cloud_labels", **arguments)
        self._config, self._occlusion = parameters.declare(self)
        config = self._config
        self._errors = ErrorLog(self._log_error)
        self._statistics = CloudStatistics()
        self._colours = colour_table(read_label_set("cityscapes19"))  # until a palette comes
        self._info: CameraInfo | None = None
        self._waiting: deque[tuple[float, Any, LabelledPicture]] = deque(maxlen=config.queue_size)
        self._lookup = make_lookup(self, config.static_transform, config.fixed_frame)
        self._pairs = Pairing(config.queue_size, config.max_interval_s, self._on_pair)
        self._pictures = ExactPairing(lambda *images: self._pair(1, LabelledPicture(*images)))
        self._has_cloud = config.input == "cloud"
        self._points = self._publisher("~/points") if self._has_cloud else None
        self._aligned = self._publisher("~/aligned_points")
        self._inputs = self._subscribe()
        self._silence = {
            name: SilentTopic(
                self, (type_name(PointCloud2 if name == "cloud" else Image),), one.topic, f"remap '{name}'"
            )
            for name, one in self._inputs.items()
        }
        self._camera_info = SensorSubscription(
            self, CameraInfo, "camera_info", self._on_camera_info, self._errors, "remap 'camera_info'"
        )
        latched = QoSProfile(
            depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        self.create_subscription(Image, "palette", self._on_palette, latched)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._diagnostics = DiagnosticsPublisher(self)
        # A steady clock: the node works and reports also where /clock stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(_RETRY_S, self._work, clock=steady)
        self.create_timer(_MATCH_S, self._match, clock=steady)
        self.create_timer(1.0, self._report, clock=steady)

    def _publisher(self, topic: str) -> Publisher:
        # Reliable, so that RViz's default and best-effort subscribers both match.
        return self.create_publisher(
            PointCloud2,
            topic,
            QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def _subscribe(self) -> dict[str, SensorSubscription]:
        """Subscriptions by the name of the topic, those whose stamps are looked at."""

        def subscription(kind: type, topic: str, callback: Any) -> SensorSubscription:
            return SensorSubscription(self, kind, topic, callback, self._errors, f"remap '{topic}'")

        geometry = self._config.input
        found = {
            geometry: subscription(
                PointCloud2 if self._has_cloud else Image, geometry, lambda message: self._pair(0, message)
            )
        }
        if not self._config.use_confidence:
            found["labels"] = subscription(
                Image, "labels", lambda message: self._pair(1, LabelledPicture(message, None))
            )
            return found
        found["labels"] = subscription(Image, "labels", lambda message: self._pictures.add(0, message))
        found["confidence"] = subscription(Image, "confidence", lambda message: self._pictures.add(1, message))
        return found

    # ---- messages ----

    def _on_camera_info(self, message: CameraInfo) -> None:
        self._info = message

    def _on_palette(self, message: Image) -> None:
        """As a segmentation node publishes it: rgb8, pixel N is the colour of class N."""
        colours = np.frombuffer(message.data, np.uint8)
        if message.encoding != "rgb8" or colours.size != 256 * 3:
            self._errors.report(f"the palette is no rgb8 image of 256 pixels but {message.encoding}: remap 'palette'")
            return
        self._colours = colours.reshape(256, 3)

    def _pair(self, topic: int, message: Any) -> None:
        """Hand on a message of topic 0 or 1, unless neither message_filters nor TF could do anything with its time."""
        stamp, frame = message.header.stamp, message.header.frame_id
        if stamp.sec < 0:
            what = "a picture" if topic else f"a {self._config.input}"
            self._errors.report(f"{what} in {frame} left out: its stamp lies before 1970, so set its publisher's clock")
            return
        self._pairs.add(topic, message)

    def _on_pair(self, geometry: Any, picture: LabelledPicture) -> None:
        if not any(one.get_subscription_count() for one in (self._points, self._aligned) if one is not None):
            self._statistics.record_unwanted()
            return
        self._waiting.append((time.monotonic(), geometry, picture))
        self._work()

    def _work(self) -> None:
        """Publish what has all that it needs, in the order in which it came."""
        while self._waiting:
            since, geometry, picture = self._waiting[0]
            try:
                info, to_camera = self._needs(geometry, picture)
                self._publish(geometry, picture, info, to_camera)
            except MissingError as error:
                if time.monotonic() - since < self._config.transform_wait_s:
                    return
                self._errors.report(f"cloud left out: {error}")
            except InputError as error:
                self._errors.report(f"cloud left out: {error}")
            except Exception as error:  # the next one can be fine
                self._errors.report(f"cloud lost, {type(error).__name__}: {error}")
            self._waiting.popleft()

    def _needs(self, geometry: Any, picture: LabelledPicture) -> tuple[CameraInfo, np.ndarray]:
        """The calibration and, for a cloud, the transform to the camera."""
        if self._info is None:
            raise MissingError(f"no camera_info has come on {self._camera_info.topic}: remap 'camera_info'")
        return self._info, self._lookup(geometry.header, picture.header) if self._has_cloud else np.eye(4)

    def _publish(self, geometry: Any, picture: LabelledPicture, info: CameraInfo, to_camera: np.ndarray) -> None:
        began = time.perf_counter()
        if not self._has_cloud:
            message = labelling.aligned_depth_message(geometry, picture, info, self._config.depth_unit_m, self._colours)
            self._aligned.publish(message)
            count = message.height * message.width
            self._statistics.record(CloudRecord(time.perf_counter() - began, count, count, count))
            return
        labelled = labelling.label_cloud(geometry, picture, info, self._config.rectified, to_camera, self._occlusion)
        if self._points.get_subscription_count():
            self._points.publish(labelling.cloud_message(labelled, self._colours))
        if self._aligned.get_subscription_count():
            self._aligned.publish(labelling.aligned_message(labelled, picture, to_camera, self._colours))
        result = labelled.result
        self._statistics.record(
            CloudRecord(
                seconds=time.perf_counter() - began,
                points=len(result.label),
                in_picture=result.in_picture,
                labelled=int(np.count_nonzero(result.label != IGNORE)),
            )
        )

    # ---- parameters and diagnostics ----

    def _log_error(self, text: str) -> None:
        if self.context.ok():  # after an interrupt the cloud in work cannot be published, which is no error
            self.get_logger().error(text)

    def _on_set_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        values = {parameter.name: self.get_parameter(parameter.name).value for parameter in parameters.PARAMETERS}
        try:
            self._occlusion = parameters.occlusion_config(values | {change.name: change.value for change in changes})
        except ValueError as error:
            return SetParametersResult(successful=False, reason=f"occlusion: {error}")
        return SetParametersResult(successful=True)

    def _match(self) -> None:
        self._camera_info.match()
        for name, subscription in self._inputs.items():
            subscription.match()
            self._silence[name].check(bool(subscription.rates.arrived()))

    def _report(self) -> None:
        """Once a second: the diagnostics."""
        health = CloudHealth(
            topics={name: (one.topic, one.rates.arrived()) for name, one in self._inputs.items()},
            info_topic=self._camera_info.topic,
            calibrated=self._info is not None,
            records=self._statistics.records(),
            rate=self._statistics.rate(),
            idle=self._statistics.idle(),
            apart_s=self._pairs.apart_s(),
            max_interval_s=self._config.max_interval_s,
            errors=self._errors.count,
            last_error=self._errors.recent(),
        )
        self._diagnostics.publish(cloud_status(self.get_fully_qualified_name(), health))


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable `cloud_labels`."""
    with ros_process("cloud_labels", args) as nodes:
        node = CloudLabelNode()
        nodes.append(node)
        rclpy.spin(node)


if __name__ == "__main__":
    main()
