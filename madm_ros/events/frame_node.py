# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The event frame node: event messages in, edge frames out.

A message goes from `_on_events` (executor) through `OrderedWorker` to `EventPipeline.process` (worker thread).
Stamps: a frame shows what the sensor saw up to its stamp, the end of its window on the sensor's clock, mapped to ROS
time as `madm_model.events.clock.SensorClock` says: plus the smallest difference seen between a packet's header stamp
and its first event.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.time import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Float32, Header

from madm_model.events.messages import EVENT_TYPES
from madm_model.io.raw_message import stamp_of
from madm_ros.diagnostic_reports import DiagnosticsPublisher
from madm_ros.error_log import ErrorLog
from madm_ros.events import parameters as event_parameters
from madm_ros.events.diagnostics import EventHealth, Rates, event_status
from madm_ros.events.event_subscription import EventSubscription
from madm_ros.events.ordered_worker import OrderedWorker
from madm_ros.events.pipeline import EventPipeline
from madm_ros.image_conversion import to_image_message
from madm_ros.node_parameters import declare_all
from madm_ros.running import ros_process

REFERENCE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo")
"""What `reference_image` may be: only the stamp of its header is read."""

_IDLE_S = 0.01
"""How often a silent stream is looked at."""

# The node says what the library would log, once in a while instead of once a packet.
logging.getLogger("madm_model.events").addHandler(logging.NullHandler())


class EventFrameNode(Node):
    """Subscribes `events`, and `reference_image` in the window `stamps`; publishes `~/edges` and `~/event_rate`.

    No message is skipped while the node keeps up; what it drops because it cannot, and what was lost before, is
    counted and reported. `~/edges` is published only while someone listens.

    Args:
        arguments: of Node, such as namespace or parameter_overrides.

    Raises:
        ValueError: an edge parameter given at start makes no sense.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("event_frame_node", **arguments)
        values = declare_all(self, event_parameters.PARAMETERS)
        config = event_parameters.edge_config(values)
        self.on_edges: Callable[[Image], None] | None = None
        """Called with every edge frame, from the worker thread: the way to a node of the same process."""
        self._errors = ErrorLog(self._log_error)
        self._warnings = ErrorLog(self._log_warning)
        self._reported_shed = 0
        self._edges = self.create_publisher(
            Image,
            "~/edges",
            QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self._event_rate = self.create_publisher(Float32, "~/event_rate", 10)
        self._diagnostics = DiagnosticsPublisher(self)
        depth = values["queue_depth"]
        self._events = EventSubscription(self, "events", EVENT_TYPES, depth, self._on_events, self._errors)
        self._reference = EventSubscription(
            self, "reference_image", REFERENCE_TYPES, 10, self._on_reference, self._errors
        )
        self._pipeline = EventPipeline(config, self._now_ns, self._publish, self._errors, self._warnings)
        self._worker: OrderedWorker[tuple[str, bytes]] = OrderedWorker(
            self._pipeline.process, self._pipeline.idle, _IDLE_S, values["max_delay_s"]
        )
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._rates = Rates()
        # A steady clock: the node listens and reports also where /clock stands still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(0.1, self._match, clock=steady)
        self.create_timer(1.0, self._report, clock=steady)

    @property
    def edges_topic(self) -> str:
        """Full name of `~/edges`."""
        return self._edges.topic_name

    def destroy_node(self) -> None:
        """Stop the worker before what it uses goes away."""
        if hasattr(self, "_worker"):  # else what was given at start was refused
            self._worker.stop()
        super().destroy_node()

    def _on_events(self, type_name: str, data: bytes) -> None:
        self._worker.submit((type_name, data))

    def _on_reference(self, type_name: str, data: bytes) -> None:
        try:
            stamp_ns = stamp_of(data)
        except ValueError as error:
            self._errors.report(f"a message on {self._reference.topic} has no readable header, {error}: it is damaged")
            return
        self._pipeline.request(stamp_ns)

    def _publish(self, image: np.ndarray, stamp_ns: int, frame_id: str) -> None:
        """Called from the worker thread."""
        listened_to = self._edges.get_subscription_count() > 0
        if not listened_to and self.on_edges is None:
            return
        header = Header(stamp=Time(nanoseconds=stamp_ns).to_msg(), frame_id=frame_id)
        message = to_image_message(image, "mono8", header)
        if self.on_edges is not None:
            self.on_edges(message)
        if listened_to:
            self._edges.publish(message)

    def _now_ns(self) -> int:
        return self.get_clock().now().nanoseconds

    def _log_error(self, text: str) -> None:
        if self.context.ok():  # after an interrupt the frame in work cannot be published, which is no error
            self.get_logger().error(text)

    def _log_warning(self, text: str) -> None:
        if self.context.ok():
            self.get_logger().warning(text)

    # ---- parameters and diagnostics ----

    def _values(self) -> dict[str, Any]:
        return {parameter.name: self.get_parameter(parameter.name).value for parameter in event_parameters.PARAMETERS}

    def _on_set_parameters(self, changes: list[Parameter]) -> SetParametersResult:
        changed = {change.name: change.value for change in changes}
        values = {**self._values(), **changed}
        try:
            config = event_parameters.edge_config(values)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=f"edges: {error}")
        if config != self._pipeline.config:
            self._pipeline.config = config
        self._worker.max_delay_s = values["max_delay_s"]
        return SetParametersResult(successful=True)

    def _match(self) -> None:
        self._events.match()
        if self._pipeline.config.window == "stamps":
            self._reference.match()

    def _report(self) -> None:
        """Once a second: the event rate, what was shed, what does not come, and the diagnostics."""
        self._events.watch()
        self._reference.watch(expected=self._pipeline.config.window == "stamps")
        shed = self._worker.shed
        if shed > self._reported_shed:
            new = shed - self._reported_shed
            self._warnings.report(f"cannot keep up: dropped {new} event messages, {shed} so far")
            self._reported_shed = shed
        counters = self._pipeline.counters
        rates = self._rates.update(time.monotonic(), counters.events, counters.packets, self._pipeline.frames)
        self._event_rate.publish(Float32(data=rates.events))
        health = EventHealth(
            topic=self._events.topic,
            type_name=self._events.type_name,
            size=self._pipeline.size,
            rates=rates,
            counters=counters,
            failed=self._pipeline.failed,
            shed=shed,
            delay_s=self._worker.delay_s,
            last_error=self._errors.recent(),
            last_warning=self._warnings.recent(),
        )
        self._diagnostics.publish(event_status(self.get_fully_qualified_name(), health))


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable `event_frame_node`."""
    with ros_process("event_frame_node", args) as nodes:
        node = EventFrameNode()
        nodes.append(node)
        rclpy.spin(node)


if __name__ == "__main__":
    main()
