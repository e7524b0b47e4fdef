# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One worker thread that always takes the newest frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from madm_ros.segmentation.rate_limit import RateLimit

Frame = TypeVar("Frame")


class LatestFrameWorker(Generic[Frame]):
    """Hands frames from the executor to one thread; a frame that waits is replaced by a newer one.

    `submit` never blocks for longer than a lock, so the executor stays free for services and timers
    however slow the network is, and the labels that come out are never older than one inference.

    Args:
        process: called in the worker thread with one frame at a time. It must not raise: what it
            lets through ends the thread.
        max_rate: frames a second that are taken at most, the attribute may change at any time; 0: no limit.
        name: name of the thread, for debuggers.
    """

    def __init__(
        self, process: Callable[[Frame], None], max_rate: float = 0.0, name: str = "latest_frame_worker"
    ) -> None:
        self.max_rate = max_rate
        self._process = process
        self._limit = RateLimit()
        self._condition = threading.Condition()
        self._waiting: Frame | None = None
        self._stopping = False
        self._dropped = 0
        self._skipped = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Number of frames that were replaced before the worker came to them."""
        return self._dropped

    @property
    def skipped(self) -> int:
        """Number of frames that were left out because of `max_rate`."""
        return self._skipped

    def submit(self, frame: Frame) -> None:
        """Make this the next frame to be processed; a frame still waiting is dropped and counted."""
        with self._condition:
            if not self._limit.admits(time.monotonic(), self.max_rate):
                self._skipped += 1
                return
            if self._waiting is not None:
                self._dropped += 1
            self._waiting = frame
            self._condition.notify()

    def stop(self) -> None:
        """Finish the frame in work, forget the one waiting, and end the thread."""
        with self._condition:
            self._stopping = True
            self._waiting = None
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._stopping or self._waiting is not None)
                if self._stopping:
                    return
                frame, self._waiting = self._waiting, None
            self._process(frame)
