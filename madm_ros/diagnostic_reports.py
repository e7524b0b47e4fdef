# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What every node's report on /diagnostics has in common."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

SEGMENTATION = "segmentation"
"""What follows the node's name in the name of its status."""
WINDOW_S = 5.0
"""Statistics cover this long."""


def make_status(
    name: str, kind: str, assessment: tuple[bytes, str], values: Mapping[str, str], hardware_id: str = ""
) -> DiagnosticStatus:
    """A status named `NODE: KIND`.

    Args:
        name: fully qualified name of the node.
        kind: what of it is reported.
        assessment: one of DiagnosticStatus' levels, and a sentence.
        values: shown beside it.
        hardware_id: what the node works with.
    """
    level, message = assessment
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return DiagnosticStatus(name=f"{name}: {kind}", level=level, message=message, hardware_id=hardware_id, values=pairs)


class DiagnosticsPublisher:
    """Publishes a node's status on /diagnostics.

    Args:
        node: whose it is.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def publish(self, status: DiagnosticStatus) -> None:
        """Publish it with the present time; after an interrupt nobody can be told any more."""
        if self._node.context.ok():
            report = DiagnosticArray(status=[status])
            report.header.stamp = self._node.get_clock().now().to_msg()
            self._publisher.publish(report)
