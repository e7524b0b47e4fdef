# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The recorder: keeps the last minutes of a camera on disk, as bags that a job can adapt from.

A message goes from `_on_message` (executor) through `OrderedWorker` to `RollingRecorder.take` (worker thread). Messages
are written as they came, without being made anew; images are decoded to see whether they differ.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from madm_model.events.messages import EVENT_TYPES
from madm_model.io.bag_storage import standard_types
from madm_model.io.bags import IMAGE_TYPES
from madm_model.io.frames import FrameError
from madm_model.io.raw_message import RawMessage, Topic
from madm_model.recorder.recorder import RecordingError, RollingRecorder
from madm_model.recorder.segments import Segments
from madm_ros.diagnostic_reports import DiagnosticsPublisher
from madm_ros.error_log import ErrorLog
from madm_ros.events.event_subscription import EventSubscription
from madm_ros.events.ordered_worker import OrderedWorker
from madm_ros.message_types import message_class, message_definition
from madm_ros.recorder import parameters
from madm_ros.recorder.diagnostics import RecorderHealth, recorder_status
from madm_ros.running import ros_process
from madm_ros.sharing.rate_limit import RateLimit

TYPES = (*IMAGE_TYPES, "sensor_msgs/msg/PointCloud2", *EVENT_TYPES)
"""What can be recorded."""

_IDLE_S = 0.5
"""How often a silent stream is looked at."""
_MAX_DELAY_S = 10.0
"""Messages that waited longer for a slow disk are dropped, and bound the memory that they take."""
_WARNING_S = 1.5 * _MAX_DELAY_S
"""How long a loss is told: while a disk stands still, one comes every `_MAX_DELAY_S`."""
_DEPTH = 200
"""Messages that DDS keeps while the node is busy: event cameras send hundreds a second."""


class RecorderNode(Node):
    """Subscribes one topic, whatever its type is of `TYPES`, and writes it to a folder.

    Args:
        arguments: of Node, such as namespace or parameter_overrides.

    Raises:
        ValueError: a parameter makes no sense.
        InputError: the folder cannot be written to, or another recorder writes to it.
    """

    def __init__(self, **arguments: Any) -> None:
        super().__init__("recorder", **arguments)
        self._settings = parameters.declare(self)
        config = self._settings.config
        self._errors = ErrorLog(self._log_error)
        self._subscription = EventSubscription(
            self, self._settings.topic, TYPES, _DEPTH, self._on_message, self._errors, advice="set topic to one of them"
        )
        self._recorder = RollingRecorder(Segments(self._settings.folder), config)
        self._standing = self._recorder.standing()
        self._warnings = ErrorLog(self._log_warning)
        self._failed = self._skipped = self._reported_shed = 0
        self._received_at = time.monotonic()
        self._limit = RateLimit()
        self._worker: OrderedWorker[tuple[str, bytes, int]] = OrderedWorker(
            self._record, self._idle, _IDLE_S, _MAX_DELAY_S
        )
        self._diagnostics = DiagnosticsPublisher(self)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(0.1, self._subscription.match, clock=steady)
        self.create_timer(1.0, self._report, clock=steady)
        self.get_logger().info(
            f"records {self._settings.topic} to {self._settings.folder}: the last {config.minutes:g} minutes within "
            f"{config.quota_gb:g} GB"
        )

    def destroy_node(self) -> None:
        """Close the open segment."""
        if hasattr(self, "_worker"):  # else what was given at start was refused
            self._worker.stop()
            try:
                self._recorder.close()
            except RecordingError as error:
                self._log_error(str(error))
        super().destroy_node()

    def _on_message(self, type_name: str, data: bytes) -> None:
        self._received_at = now = time.monotonic()
        # Events are a stream, of which no packet can be left out.
        if type_name not in EVENT_TYPES and not self._limit.admits(now, self._settings.config.max_fps):
            self._skipped += 1
            return
        self._worker.submit((type_name, data, self.get_clock().now().nanoseconds))

    # ---- the worker's thread ----

    def _record(self, item: tuple[str, bytes, int], _cut: bool) -> None:
        type_name, data, stamp_ns = item
        try:
            topic = Topic(self._settings.topic, type_name, 0, _definition(type_name))
            self._recorder.take(RawMessage(topic, data, stamp_ns))
        except FrameError as error:
            self._failed += 1
            self._errors.report(f"image left out: {error}")
        except RecordingError as error:
            self._errors.report(str(error))
        except Exception as error:  # the next message can be fine
            self._failed += 1
            self._errors.report(f"message left out, {type(error).__name__}: {error}")
        self._look()

    def _idle(self) -> None:
        try:
            self._recorder.idle()
        except RecordingError as error:
            self._errors.report(str(error))
        except Exception as error:  # what comes next can be fine
            self._errors.report(f"a segment is not closed, {type(error).__name__}: {error}")
        self._look()

    def _look(self) -> None:
        """Take down how the recorder stands; after this nothing may be raised, which would end the thread."""
        try:
            self._standing = self._recorder.standing()
        except OSError as error:  # the next message finds what this means for the segment
            self._errors.report(
                f"the open segment is gone or cannot be read ({error}): is the disk of folder still there?"
            )

    # ---- telling ----

    def _log_error(self, text: str) -> None:
        if self.context.ok():
            self.get_logger().error(text)

    def _log_warning(self, text: str) -> None:
        if self.context.ok():
            self.get_logger().warning(text)

    def _warn_of_losses(self, shed: int) -> None:
        """Say what was dropped since the last report."""
        if shed > self._reported_shed:
            advice = "let folder be on a faster disk"
            if self._subscription.type_name not in EVENT_TYPES:  # of which none is left out
                advice += ", or lower max_fps"
            self._warnings.report(
                f"cannot keep up: {shed - self._reported_shed} messages dropped, {shed} so far: {advice}"
            )
            self._reported_shed = shed

    def _report(self) -> None:
        """Once a second: what does not come, what was dropped, and the diagnostics."""
        self._subscription.watch()
        shed = self._worker.shed
        self._warn_of_losses(shed)
        health = RecorderHealth(
            topic=self._settings.topic,
            type_name=self._subscription.type_name,
            folder=str(self._settings.folder),
            standing=self._standing,
            skipped=self._skipped,
            shed=shed,
            failed=self._failed,
            silent_s=time.monotonic() - self._received_at,
            last_error=self._errors.recent(),
            last_warning=self._warnings.recent(_WARNING_S),
        )
        self._diagnostics.publish(recorder_status(self.get_fully_qualified_name(), health))


@cache
def _definition(type_name: str) -> str:
    """The text of a message type that bags have to hold; empty for a standard one."""
    return "" if type_name in standard_types().types else message_definition(message_class(type_name))


def main(args: list[str] | None = None) -> None:
    """Entry point of the executable `record`."""
    with ros_process("record", args) as nodes:
        node = RecorderNode()
        nodes.append(node)
        rclpy.spin(node)


if __name__ == "__main__":
    main()
