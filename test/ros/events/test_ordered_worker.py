# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The worker that skips nothing until it cannot keep up."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from ros_helpers import wait_until

from madm_ros.events.ordered_worker import OrderedWorker


class Bench:
    """A worker whose work can be held up, on a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.entered, self.release = threading.Event(), threading.Event()
        self.done: list[tuple[int, bool]] = []
        self.idle_calls = 0
        self.worker: OrderedWorker[int] = OrderedWorker(self._work, self._idle, 0.01, 0.5, lambda: self.now)

    def _work(self, item: int, after_cut: bool) -> None:
        self.entered.set()
        assert self.release.wait(20)
        self.done.append((item, after_cut))

    def _idle(self) -> None:
        self.idle_calls += 1


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.release.set()
    bench.worker.stop()


def test_items_are_processed_in_order_and_none_is_skipped(bench: Bench) -> None:
    for item in range(100):
        bench.worker.submit(item)
    bench.release.set()
    wait_until(lambda: len(bench.done) == 100, "all items")
    assert bench.done == [(item, False) for item in range(100)]
    assert bench.worker.shed == 0


def test_what_waited_too_long_is_dropped_with_all_behind_it_and_counted(bench: Bench) -> None:
    bench.worker.submit(0)
    assert bench.entered.wait(20)
    for item in (1, 2, 3):
        bench.worker.submit(item)
    bench.now = 0.5
    bench.worker.submit(4)
    assert bench.worker.shed == 0 and bench.worker.delay_s == 0.5
    bench.now = 0.6
    bench.worker.submit(5)
    bench.worker.submit(6)
    assert bench.worker.shed == 4 and bench.worker.delay_s == 0.0
    bench.release.set()
    wait_until(lambda: len(bench.done) == 3, "the items left")
    assert bench.done == [(0, False), (5, True), (6, False)]


def test_silence_is_told(bench: Bench) -> None:
    wait_until(lambda: bench.idle_calls > 2, "calls while nothing comes")


def test_stopping_forgets_what_waits(bench: Bench) -> None:
    bench.worker.submit(0)
    assert bench.entered.wait(20)
    bench.worker.submit(1)
    threading.Timer(0.05, bench.release.set).start()
    bench.worker.stop()
    assert bench.done == [(0, False)]
