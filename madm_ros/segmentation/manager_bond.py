# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The bond that nav2's lifecycle manager forms with each node that it activates, to learn when one has gone."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

TOPIC = "bond"
"""As nav2's own nodes have it: in the namespace of the node, in which the manager has to be as well."""
SUFFIX = "_bond"
"""Of the node beside the one that is managed."""
_NEVER_S = 1e6
"""A manager that has gone is no reason to stop, seconds: the bond is there for the manager, not for the node."""


def bond_class() -> Any | None:
    """bondpy's Bond, None where a distribution does not bring it; it has no wheels."""
    try:
        from bondpy.bondpy import Bond
    except ImportError:
        return None
    return Bond


class ManagerBond:
    """Tells a lifecycle manager that the node is there, from activation to `close`, as nav2's LifecycleNode does.

    The bond's id is the node's name. Without a manager that answers within ten seconds the bond goes silent.

    Args:
        managed: the node that is managed.
        period_s: seconds between two heartbeats, above 0.
    """

    def __init__(self, managed: Node, period_s: float) -> None:
        self._bond: Any | None = None
        kind = bond_class()
        if kind is None:
            managed.get_logger().info(
                "bondpy is not installed, so that no bond is formed: install it, or set bond_timeout: 0.0 for nav2's "
                "lifecycle manager"
            )
            return
        # A node of its own: bondpy takes its publisher away from under an executor, which ends that.
        self._node = rclpy.create_node(
            f"{managed.get_name()}{SUFFIX}",
            namespace=managed.get_namespace(),
            context=managed.context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        self._executor = SingleThreadedExecutor(context=managed.context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._bond = kind(self._node, TOPIC, managed.get_name())
        self._bond.heartbeat_period = period_s
        self._bond.heartbeat_timeout = _NEVER_S
        self._bond.start()
        self._thread.start()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    def close(self) -> None:
        """Break the bond; after an interrupt nobody can be told any more."""
        bond, self._bond = self._bond, None
        if bond is None:
            return
        self._executor.shutdown()
        self._thread.join()
        if self._node.context.ok():
            bond.shutdown()
        else:
            bond.is_shutdown = True  # or its thread would go on
        self._node.destroy_node()
