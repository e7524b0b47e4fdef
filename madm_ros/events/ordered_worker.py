# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One worker thread that takes messages in order, and sheds what waits too long."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class OrderedWorker(Generic[Item]):
    """Hands items from the executor to one thread, none skipped and none overtaken, as decoders with a memory need it.

    When the oldest item has waited longer than `max_delay_s`, all that wait are dropped and counted: one cut, after
    which the stream is up to date again, instead of ever staler results. Memory is bounded by what comes in that time.

    Args:
        process: called in the worker thread with an item, and whether items were dropped before it. It must not raise.
        idle: called in the worker thread when no item came for `idle_every_s` seconds. It must not raise.
        idle_every_s: see `idle`.
        max_delay_s: seconds; the attribute may be changed at any time.
        clock: seconds on a clock that never goes back.
    """

    def __init__(
        self,
        process: Callable[[Item, bool], None],
        idle: Callable[[], None],
        idle_every_s: float,
        max_delay_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.max_delay_s = max_delay_s
        self.shed = 0
        """Items dropped so far."""
        self._process = process
        self._idle = idle
        self._idle_every_s = idle_every_s
        self._clock = clock
        self._condition = threading.Condition()
        self._waiting: deque[tuple[float, Item]] = deque()
        self._cut = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ordered_worker", daemon=True)
        self._thread.start()

    @property
    def delay_s(self) -> float:
        """How long the oldest item has waited."""
        with self._condition:
            return self._clock() - self._waiting[0][0] if self._waiting else 0.0

    def submit(self, item: Item) -> None:
        """Queue an item; never blocks for longer than a lock."""
        now = self._clock()
        with self._condition:
            if self._waiting and now - self._waiting[0][0] > self.max_delay_s:
                self.shed += len(self._waiting)
                self._waiting.clear()
                self._cut = True
            self._waiting.append((now, item))
            self._condition.notify()

    def stop(self) -> None:
        """Finish the item in work, forget those that wait, and end the thread."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._stopping or self._waiting, self._idle_every_s)
                if self._stopping:
                    return
                item = self._waiting.popleft()[1] if self._waiting else None
                if item is not None:
                    cut, self._cut = self._cut, False
            if item is None:
                self._idle()
            else:
                self._process(item, cut)
