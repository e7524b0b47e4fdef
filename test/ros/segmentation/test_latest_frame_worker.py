# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

import threading

from ros_helpers import wait_until

from madm_ros.segmentation.latest_frame_worker import LatestFrameWorker


class BlockingConsumer:
    """Takes frames one at a time, each only when released."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.entered = threading.Semaphore(0)
        self.release = threading.Semaphore(0)

    def __call__(self, frame: int) -> None:
        self.taken.append(frame)
        self.entered.release()
        self.release.acquire()


def test_the_newest_frame_wins_and_the_others_are_counted() -> None:
    consumer = BlockingConsumer()
    worker = LatestFrameWorker(consumer)
    worker.submit(1)
    assert consumer.entered.acquire(timeout=5)
    for frame in (2, 3, 4):
        worker.submit(frame)
    assert worker.dropped == 2
    consumer.release.release(2)
    assert consumer.entered.acquire(timeout=5)
    worker.stop()
    assert consumer.taken == [1, 4]


def test_stop_finishes_the_frame_in_work_and_forgets_the_waiting_one() -> None:
    consumer = BlockingConsumer()
    worker = LatestFrameWorker(consumer)
    worker.submit(1)
    assert consumer.entered.acquire(timeout=5)
    worker.submit(2)
    stopping = threading.Thread(target=worker.stop)
    stopping.start()
    stopping.join(0.05)
    assert stopping.is_alive(), "stop has to wait for the frame in work"
    consumer.release.release()
    stopping.join(5)
    assert not stopping.is_alive()
    assert consumer.taken == [1]


def test_frames_above_the_limit_are_left_out_and_are_no_drops() -> None:
    taken: list[int] = []
    worker = LatestFrameWorker(taken.append, max_rate=0.001)
    for frame in range(5):
        worker.submit(frame)
    assert (worker.skipped, worker.dropped) == (4, 0)
    worker.max_rate = 0.0
    worker.submit(5)
    wait_until(lambda: taken[-1:] == [5], "the frame after the limit is gone")
    worker.stop()
    assert worker.skipped == 4


def test_an_idle_worker_stops() -> None:
    worker = LatestFrameWorker(lambda frame: None)
    worker.stop()
    assert worker.dropped == 0
