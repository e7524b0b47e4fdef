# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Batches of a training in their order, prepared ahead by worker processes.

What a batch holds follows from the seed and its place alone, so the number of workers changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from madm_model.adaptation.data.batches import AdaptationData, LabelledBatch, TargetBatch
from madm_model.adaptation.passes import batch_generators

Batch = tuple[LabelledBatch, torch.Tensor | TargetBatch | None]
"""Source and target, on the CPU; None without self-training."""

_AHEAD = 2
"""Batches that every worker prepares ahead."""


class BatchLoader:
    """Gives the batches of a training one after another.

    Attributes:
        waited_s: seconds for which `get` has kept its caller waiting.
    """

    def __init__(
        self,
        data: AdaptationData,
        seed: int,
        iterations: int,
        batches: Sequence[int],
        with_target: bool,
        workers: int = 0,
        pinned: bool = False,
    ) -> None:
        """Describe the schedule; nothing is read yet.

        Args:
            data: draws the batches.
            seed: of the training.
            iterations: its length.
            batches: numbers of the batches of every iteration that are wanted here.
            with_target: whether the target is wanted.
            workers: processes that prepare batches ahead; 0 draws them when they are asked for.
            pinned: whether they go to memory from which a GPU reads at once.
        """
        self._schedule = _Schedule(data, seed, list(batches), with_target)
        self._length = iterations * len(batches)
        self._workers, self._pinned = workers, pinned
        self._ahead: Iterator[Batch] | None = None
        self._next = -1
        self.waited_s = 0.0

    def get(self, iteration: int, index: int) -> Batch:
        """A batch: the index-th of those wanted here of an iteration."""
        started = time.perf_counter()
        place = iteration * len(self._schedule.batches) + index
        if not self._workers:
            batch = self._schedule[place]
        else:
            if self._ahead is None or place != self._next:
                self._ahead = self._start(place)
            batch = next(self._ahead)
            self._next = place + 1
        self.waited_s += time.perf_counter() - started
        return batch

    def close(self) -> None:
        """End the workers."""
        self._ahead = None

    def _start(self, place: int) -> Iterator[Batch]:
        self._ahead = None  # ends the workers of another place first
        places = range(place, max(self._length, place + 1))
        return iter(
            DataLoader(
                self._schedule,
                batch_size=None,
                sampler=places,
                num_workers=self._workers,
                pin_memory=self._pinned,
                prefetch_factor=_AHEAD,
                worker_init_fn=_one_thread,
                generator=torch.Generator(),  # or it would draw from the global one, which dropout follows
            )
        )


class _Schedule(Dataset):
    """Every batch of a training by its place."""

    def __init__(self, data: AdaptationData, seed: int, batches: list[int], with_target: bool) -> None:
        self._data, self._seed, self.batches, self._with_target = data, seed, batches, with_target

    def __getitem__(self, place: int) -> Batch:
        iteration, index = divmod(place, len(self.batches))
        rngs = batch_generators(self._seed, iteration, self.batches[index])
        source = self._data.source(rngs.source)
        return source, self._data.target(rngs.target) if self._with_target else None


def _one_thread(_worker: int) -> None:
    """Workers share the cores by themselves."""
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
