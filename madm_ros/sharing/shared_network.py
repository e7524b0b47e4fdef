# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One network for several cameras: one thread that segments, turn by turn, what they have waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Protocol

import numpy as np

from madm_model.model_config import ModelConfig
from madm_ros.sharing.camera_queue import CameraQueue, CameraWork


class SegmenterLike(Protocol):
    """What cameras need of `madm_model.segmenter.Segmenter`."""

    config: ModelConfig
    device: Any
    runtime: str
    """What runs the network, and in which number format."""
    largest_batch: int
    """Images that gain by running together; more of them take turns."""

    def segment(self, images: Sequence[np.ndarray], biases: Sequence[np.ndarray | None] = ..., /) -> list[Any]: ...
    def warm_up(self, height: int, width: int) -> None: ...
    def close(self) -> None: ...


class SharedNetwork:
    """Runs one segmenter for any number of cameras.

    When the network is free, the newest frames of the cameras that were served least recently go through it together,
    up to the segmenter's `largest_batch`: a camera waits for no more than one turn of each other one, however many
    frames those send. Images of different sizes run one size after the other. Where a batch fails, as where it does not
    fit into the device's memory, each of its images runs alone, and batches are half as large from then on.

    Args:
        segmenter: called from this network's thread only; closed with it.
    """

    def __init__(self, segmenter: SegmenterLike) -> None:
        self.segmenter = segmenter
        self._changed = threading.Condition()
        self._cameras: list[CameraQueue[Any]] = []
        """The least recently served first."""
        self._largest_batch = 2**31
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)
        self._thread.start()

    @property
    def cameras(self) -> int:
        """How many use it now."""
        return len(self._cameras)

    def open_queue(self, work: CameraWork[Any], max_rate: float = 0.0) -> CameraQueue[Any]:
        """A place for one more camera.

        Args:
            work: what is done with its frames before and after the network.
            max_rate: frames a second that are taken at most; 0: no limit.
        """
        camera = CameraQueue(work, self._changed, self._cameras_leave, max_rate)
        with self._changed:
            self._cameras.append(camera)
        return camera

    def close(self) -> None:
        """End the thread and give the segmenter's memory back; the queues have to be closed before."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self.segmenter.close()

    def _cameras_leave(self, camera: CameraQueue[Any]) -> None:
        if camera in self._cameras:
            self._cameras.remove(camera)

    # ---- in the network's thread ----

    def _run(self) -> None:
        while turn := self._next_turn():
            prepared = []
            for camera, frame in turn:
                if (one := camera.work.prepare(frame)) is None:
                    camera.drop()
                else:
                    prepared.append((camera, one))
            prepared.sort(key=_size)  # stable: of one size, who waited longest is the first
            for _, group in groupby(prepared, _size):
                self._segment(list(group))

    def _next_turn(self) -> list[tuple[CameraQueue[Any], Any]]:
        """Cameras and their newest frames, once there are some; empty when the network is being closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or any(camera.ready() for camera in self._cameras))
            if self._closing:
                return []
            most = min(self._largest_batch, self.segmenter.largest_batch)
            served = [camera for camera in self._cameras if camera.ready()][:most]
            self._cameras = [camera for camera in self._cameras if camera not in served] + served
            return [(camera, camera.take()) for camera in served]

    def _segment(self, batch: list[tuple[CameraQueue[Any], Any]]) -> None:
        started = time.perf_counter()
        try:
            biases = [prepared.class_bias for _, prepared in batch]
            wanted = (biases,) if any(bias is not None for bias in biases) else ()
            results = self.segmenter.segment([prepared.image for _, prepared in batch], *wanted)
        except Exception as error:
            if len(batch) > 1:
                self._largest_batch = len(batch) // 2
                for one in batch:
                    self._segment([one])
            else:
                ((camera, prepared),) = batch
                camera.deliver(camera.work.fail, prepared, error)
            return
        seconds = time.perf_counter() - started
        for (camera, prepared), result in zip(batch, results):
            camera.deliver(camera.work.finish, prepared, result, seconds)


def _size(item: tuple[CameraQueue[Any], Any]) -> tuple[int, ...]:
    return item[1].image.shape
