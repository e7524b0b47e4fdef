# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Whom an adaptation server has around it: nodes that follow its store, and servers that answer in its place."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from madm_ros.diagnostic_reports import SEGMENTATION, WINDOW_S

_RIVAL_AFTER_S = 30.0
"""Of a server that was killed, DDS tells for 20 s that it is there."""


class Followers:
    """The segmentation nodes that follow a store, as /diagnostics tells. May be used from several threads.

    Args:
        store: the store's folder.
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, store: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = str(store.absolute())
        self._clock = clock
        self._lock = threading.Lock()
        self._heard: dict[str, float] = {}

    def note(self, message: DiagnosticArray) -> None:
        """Take in a report of any node."""
        for status in message.status:
            name, _, kind = status.name.partition(": ")
            values = {item.key: item.value for item in status.values}
            if kind != SEGMENTATION:
                continue
            with self._lock:
                if values.get("store") == self._store:
                    self._heard[name] = self._clock()
                else:
                    self._heard.pop(name, None)

    def names(self) -> list[str]:
        """Fully qualified names of the nodes that have told so within the last seconds."""
        with self._lock:
            now = self._clock()
            return sorted(name for name, at in self._heard.items() if now - at <= WINDOW_S)

    def advice(self) -> str:
        """What to do where a version is active and nobody follows; empty where somebody does."""
        if self.names():
            return ""
        return f"no node that is heard here follows {self._store}: start one with store:={self._store}"


class RivalWatch:
    """Whether another server answers the same requests.

    Args:
        node: the server.
        topic: its status, which every server publishes.
        clock: seconds on a clock that never goes back.
    """

    def __init__(self, node: Node, topic: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._node, self._topic, self._clock = node, topic, clock
        self._since: float | None = None

    def complaint(self) -> str:
        """What is wrong and what helps, empty if nothing is; call about once a second."""
        if self._node.count_publishers(self._topic) <= 1:
            self._since = None
            return ""
        now = self._clock()
        self._since = now if self._since is None else self._since
        if now - self._since < _RIVAL_AFTER_S:
            return ""
        return (
            f"another adaptation server answers on {self._topic.removesuffix('/status')}, too, and either may take a "
            "request: give one a namespace of its own (namespace:=front)"
        )
