# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Cameras at one network: the newest frame of each, none starves, what fails for one is no harm to the others."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
from ros_helpers import wait_until

from madm_ros.sharing.shared_network import SharedNetwork


class BlockingNetwork:
    """Segments only when released; remembers each batch."""

    device = runtime = config = None

    def __init__(self, largest_batch: int = 1) -> None:
        self.largest_batch = largest_batch
        self.batches: list[list[str]] = []
        self.broken: set[str] = set()
        self.entered = threading.Semaphore(0)
        self.release = threading.Semaphore(0)
        self.closed = False

    def segment(self, images):
        names = [image.name for image in images]
        self.batches.append(names)
        self.entered.release()
        assert self.release.acquire(timeout=20)
        if self.broken & set(names) or (len(names) > 1 and "memory" in self.broken):
            raise RuntimeError("out of memory")
        return names

    def close(self) -> None:
        self.closed = True


@dataclass
class Camera:
    """Its images are named by it and a number; remembers what comes back."""

    name: str
    size: tuple[int, int] = (4, 4)
    results: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    unwanted: bool = False
    publishing: threading.Event | None = None

    def prepare(self, frame: int) -> SimpleNamespace | None:
        image = np.zeros((*self.size, 3), np.uint8).view(NamedImage)
        image.name = f"{self.name}{frame}"
        return None if self.unwanted else SimpleNamespace(image=image, class_bias=None)

    def finish(self, prepared, result: str, seconds: float) -> None:
        assert prepared.image.name == result
        assert seconds >= 0
        if self.publishing is not None:
            assert self.publishing.wait(20)
        self.results.append(result)

    def fail(self, prepared, error: Exception) -> None:
        self.errors.append(f"{prepared.image.name}: {error}")


class NamedImage(np.ndarray):
    """An image that says whose it is."""

    name = ""


@pytest.fixture
def start():
    """Function that makes a network and a queue for each camera; all is let go and closed in the end."""
    opened = []

    def open_all(segmenter: BlockingNetwork, *cameras: Camera) -> list:
        network = SharedNetwork(segmenter)
        queues = [network.open_queue(camera) for camera in cameras]
        opened.append((network, segmenter, cameras, queues))
        return queues

    yield open_all
    for network, segmenter, cameras, queues in opened:
        segmenter.release.release(100)
        for camera in cameras:
            if camera.publishing is not None:
                camera.publishing.set()
        for queue in queues:
            queue.close()
        network.close()
        assert segmenter.closed


def go_on(segmenter: BlockingNetwork, turns: int = 1) -> None:
    """Finish the run that the network is in, and wait for the next one, so many times."""
    for _ in range(turns):
        segmenter.release.release()
        assert segmenter.entered.acquire(timeout=20)


def test_the_newest_frame_wins_and_the_others_are_counted(start) -> None:
    segmenter, camera = BlockingNetwork(), Camera("a")
    (queue,) = start(segmenter, camera)
    queue.submit(1)
    assert segmenter.entered.acquire(timeout=20)
    for frame in (2, 3, 4):
        queue.submit(frame)
    assert queue.dropped == 2
    go_on(segmenter)
    assert segmenter.batches == [["a1"], ["a4"]]


def test_images_that_wait_are_one_batch_of_the_newest_of_each_camera(start) -> None:
    segmenter, cameras = BlockingNetwork(largest_batch=8), [Camera("a"), Camera("b"), Camera("c")]
    a, b, c = start(segmenter, *cameras)
    a.submit(1)
    assert segmenter.entered.acquire(timeout=20)
    for queue, frame in ((b, 1), (c, 1), (a, 2), (b, 2), (a, 3)):
        queue.submit(frame)
    go_on(segmenter)
    assert segmenter.batches == [["a1"], ["b2", "c1", "a3"]]
    assert [queue.dropped for queue in (a, b, c)] == [1, 1, 0]
    segmenter.release.release()
    wait_until(lambda: [camera.results for camera in cameras] == [["a1", "a3"], ["b2"], ["c1"]], "the results")


def test_a_slow_camera_does_not_starve_beside_quick_ones(start) -> None:
    """One image at a time, and two cameras that always have a frame waiting."""
    segmenter = BlockingNetwork()
    quick, busy, slow = start(segmenter, Camera("a"), Camera("b"), Camera("c"))
    quick.submit(0)
    assert segmenter.entered.acquire(timeout=20)
    slow.submit(0)
    for frame in range(1, 7):
        quick.submit(frame)
        busy.submit(frame)
        go_on(segmenter)
    turns = [name[0] for (name,) in segmenter.batches]
    assert "c" in turns[:4]
    assert turns.count("a") == turns.count("b") == 3


def test_batches_are_no_larger_than_they_gain(start) -> None:
    segmenter = BlockingNetwork(largest_batch=2)
    queues = start(segmenter, *(Camera(name) for name in "abcd"))
    queues[0].submit(0)
    assert segmenter.entered.acquire(timeout=20)
    for queue in queues:
        queue.submit(1)
    go_on(segmenter, turns=2)
    assert segmenter.batches == [["a0"], ["b1", "c1"], ["d1", "a1"]]


def test_images_of_several_sizes_run_one_size_after_the_other(start) -> None:
    segmenter = BlockingNetwork(largest_batch=8)
    queues = start(segmenter, Camera("a"), Camera("b", size=(8, 4)), Camera("c"))
    queues[1].submit(0)
    assert segmenter.entered.acquire(timeout=20)
    for queue in queues:
        queue.submit(1)
    go_on(segmenter, turns=2)
    assert segmenter.batches == [["b0"], ["a1", "c1"], ["b1"]]


def test_what_one_camera_sends_takes_no_other_cameras_labels(start) -> None:
    segmenter, cameras = BlockingNetwork(largest_batch=8), [Camera("a"), Camera("b")]
    a, b = start(segmenter, *cameras)
    segmenter.broken = {"a2"}
    b.submit(1)
    assert segmenter.entered.acquire(timeout=20)
    a.submit(2)
    b.submit(2)
    segmenter.release.release(10)
    wait_until(lambda: cameras[1].results == ["b1", "b2"], "the results")
    wait_until(lambda: cameras[0].errors == ["a2: out of memory"], "the error")
    assert cameras[0].results == cameras[1].errors == []


def test_batches_that_do_not_fit_get_smaller(start) -> None:
    segmenter, cameras = BlockingNetwork(largest_batch=8), [Camera("a"), Camera("b")]
    queues = start(segmenter, *cameras)
    segmenter.broken = {"memory"}
    queues[0].submit(0)
    assert segmenter.entered.acquire(timeout=20)
    for frame, turns in ((1, 3), (2, 2)):
        for queue in queues:
            queue.submit(frame)
        go_on(segmenter, turns)
    assert segmenter.batches == [["a0"], ["b1", "a1"], ["b1"], ["a1"], ["b2"], ["a2"]]
    assert all(camera.errors == [] for camera in cameras)


def test_the_network_goes_on_while_a_result_is_published(start) -> None:
    segmenter, slow, other = BlockingNetwork(), Camera("a", publishing=threading.Event()), Camera("b")
    a, b = start(segmenter, slow, other)
    segmenter.release.release(10)
    for frame in (1, 2):
        a.submit(frame)
        assert segmenter.entered.acquire(timeout=20)
    a.submit(3)  # waits: one is being published, and one more is through
    b.submit(1)
    wait_until(lambda: other.results == ["b1"], "the other camera's result")
    assert ["a3"] not in segmenter.batches
    slow.publishing.set()
    wait_until(lambda: slow.results == ["a1", "a2", "a3"], "the results in their order")


def test_frames_that_nobody_wants_do_not_reach_the_network(start) -> None:
    segmenter, unwanted, other = BlockingNetwork(largest_batch=8), Camera("a", unwanted=True), Camera("b")
    a, b = start(segmenter, unwanted, other)
    for frame in range(3):
        a.submit(frame)
        b.submit(frame)
        assert segmenter.entered.acquire(timeout=20)
        segmenter.release.release()
        wait_until(lambda wanted=frame: other.results[-1:] == [f"b{wanted}"], "the other camera's result")
    assert segmenter.batches == [["b0"], ["b1"], ["b2"]]


def test_closing_a_queue_finishes_the_frame_in_work_and_forgets_the_waiting_one(start) -> None:
    segmenter, camera = BlockingNetwork(), Camera("a")
    (queue,) = start(segmenter, camera)
    queue.submit(1)
    assert segmenter.entered.acquire(timeout=20)
    queue.submit(2)
    closing = threading.Thread(target=queue.close)
    closing.start()
    closing.join(0.05)
    assert closing.is_alive(), "close has to wait for the frame in work"
    segmenter.release.release()
    closing.join(20)
    assert not closing.is_alive()
    queue.submit(3)
    assert camera.results == ["a1"]
    assert segmenter.batches == [["a1"]]


def test_frames_above_the_limit_are_left_out_and_are_no_drops(start) -> None:
    segmenter, camera = BlockingNetwork(), Camera("a")
    (queue,) = start(segmenter, camera)
    segmenter.release.release(100)
    queue.max_rate = 0.001
    for frame in range(5):
        queue.submit(frame)
    assert (queue.skipped, queue.dropped) == (4, 0)
    queue.max_rate = 0.0
    queue.submit(5)
    wait_until(lambda: camera.results[-1:] == ["a5"], "the frame after the limit is gone")
    assert queue.skipped == 4
