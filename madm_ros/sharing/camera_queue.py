# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What one camera has at a shared network: its newest frame waits here, and its results leave by its own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, Protocol, TypeVar

from madm_ros.sharing.rate_limit import RateLimit

Frame = TypeVar("Frame")

_MOST_IN_WORK = 2
"""Frames of a camera: one in the network while the one before is published."""


class CameraWork(Protocol[Frame]):
    """What is done with a camera's frames beside the network. None of it may raise: that would end a thread."""

    def prepare(self, frame: Frame) -> Any | None:
        """Something with the network's `image` as an attribute, uint8 (H, W, 3); None: nothing is to be segmented.

        Called in the network's thread.
        """

    def finish(self, prepared: Any, result: Any, seconds: float) -> None:
        """Take the segmentation of what was prepared, and how long the network took.

        Called in the camera's thread, as `fail` is: frame after frame, in their order.
        """

    def fail(self, prepared: Any, error: Exception) -> None:
        """There is no segmentation of it."""


class CameraQueue(Generic[Frame]):
    """Hands a camera's frames to the network; a frame that waits is replaced by a newer one.

    `submit` never blocks for longer than a lock, so the executor stays free for services and timers however slow the
    network is.

    Args:
        work: what is done before and after the network.
        changed: the network's; guards all queues, and is notified when there is something to do.
        leave: called with this queue when it is closed.
        max_rate: frames a second that are taken at most, the attribute may change at any time; 0: no limit.
    """

    def __init__(
        self,
        work: CameraWork[Frame],
        changed: threading.Condition,
        leave: Callable[[CameraQueue[Any]], object],
        max_rate: float = 0.0,
    ) -> None:
        self.work = work
        self.max_rate = max_rate
        self._changed, self._leave = changed, leave
        self._limit = RateLimit()
        self._waiting: Frame | None = None
        self._closed = False
        self._in_work = 0
        self._dropped = 0
        self._skipped = 0
        self._results = ThreadPoolExecutor(1, thread_name_prefix="camera results")

    @property
    def dropped(self) -> int:
        """Number of frames that were replaced before the network came to them."""
        return self._dropped

    @property
    def skipped(self) -> int:
        """Number of frames that were left out because of `max_rate`."""
        return self._skipped

    def submit(self, frame: Frame) -> None:
        """Make this the next frame to be processed; a frame still waiting is dropped and counted."""
        with self._changed:
            if self._closed:
                return
            if not self._limit.admits(time.monotonic(), self.max_rate):
                self._skipped += 1
                return
            if self._waiting is not None:
                self._dropped += 1
            self._waiting = frame
            self._changed.notify_all()

    def close(self) -> None:
        """Finish the frames in work, forget the one waiting, and leave the network."""
        with self._changed:
            self._closed = True
            self._waiting = None
            self._leave(self)
            self._changed.wait_for(lambda: not self._in_work)
        self._results.shutdown()

    # ---- for the network ----

    def ready(self) -> bool:
        """Whether a frame waits that can be taken; under the lock."""
        return self._waiting is not None and self._in_work < _MOST_IN_WORK

    def take(self) -> Frame:
        """The frame that waits, now in work; under the lock."""
        frame, self._waiting = self._waiting, None
        self._in_work += 1
        return frame

    def drop(self) -> None:
        """A frame in work needs no segmentation."""
        with self._changed:
            self._in_work -= 1
            self._changed.notify_all()

    def deliver(self, work: Callable[..., None], *arguments: Any) -> None:
        """Call `finish` or `fail` for a frame in work, in the camera's thread."""
        self._results.submit(self._deliver, work, arguments)

    def _deliver(self, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            work(*arguments)
        finally:
            self.drop()
