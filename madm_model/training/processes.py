# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The processes of a training, on the GPUs of one machine or of several: what one has to know of the others.

`accelerate launch` starts them; without it there is one. Every process runs some batches of each step. Gradients are
averaged once, after all its passes, as under gradient accumulation: of a step's passes not every one reaches every
weight, which is what DistributedDataParallel's own averaging would wait for.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import groupby
from typing import TypeVar

import torch
from torch import nn

T = TypeVar("T")

_BUCKET = 32 * 2**20
"""Elements that are averaged at a time."""


class Processes:
    """The one process of a training, or one of several.

    Attributes:
        rank: number of this process, from 0.
        count: how many there are.
    """

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def gather(self, values: Sequence[T]) -> list[T]:
        """The values of all processes, in their order; values are plain data."""
        if self.count == 1:
            return list(values)
        from accelerate.utils import gather_object

        return gather_object(list(values))

    def any(self, is_so: bool) -> bool:
        """Whether it is so in any process."""
        return any(self.gather([is_so]))

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The first process runs the block before the others do."""
        if self.count > 1 and not self.is_first:
            self.gather([None])
        yield
        if self.count > 1 and self.is_first:
            self.gather([None])

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every parameter the mean of its gradients in all processes; one that has none has 0.

        A parameter without a gradient in every process stays without: the optimiser leaves it alone.
        """
        if self.count == 1:
            return
        parameters = list(parameters)
        owners = _reduce(torch.tensor([float(one.grad is not None) for one in parameters]), parameters[0].device, "sum")
        graded = [parameter for parameter, count in zip(parameters, owners.tolist()) if count]
        for parameter in graded:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.average([parameter.grad for parameter in graded if parameter.grad is not None])

    def average(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace floating-point tensors, in place, by their mean over all processes."""
        if self.count == 1:
            return
        for _key, bucket in groupby(_numbered_buckets(tensors), key=lambda entry: entry[0]):
            values = [tensor for _number, tensor in bucket]
            mean = _reduce(torch.cat([value.detach().flatten() for value in values]), values[0].device, "mean")
            for value, part in zip(values, mean.split([value.numel() for value in values])):
                value.copy_(part.view_as(value))


ALONE = Processes()
"""A training in one process."""


def launched_processes(device: str, patience: timedelta | None = None) -> tuple[Processes, torch.device | None]:
    """The processes that `accelerate launch` started, and the device that this one shall take.

    Args:
        device: auto, cpu or cuda; with several processes each takes a GPU of its own, or all compute on the CPU.
        patience: how long one waits for another that is at work on something else; None: PyTorch's minutes.

    Returns:
        The processes; the device, None where there is one process.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE, None
    from accelerate import PartialState

    waits = {} if patience is None else {"timeout": patience}
    state = PartialState(cpu=device == "cpu" or not torch.cuda.is_available(), **waits)
    return Processes(state.process_index, state.num_processes), state.device


def _numbered_buckets(tensors: Sequence[torch.Tensor]) -> Iterator[tuple[tuple[int, torch.dtype], torch.Tensor]]:
    """Every tensor with the key of its bucket: successive ones of one type, up to a size."""
    number = filled = 0
    for tensor in tensors:
        if filled and filled + tensor.numel() > _BUCKET:
            number, filled = number + 1, 0
        filled += tensor.numel()
        yield (number, tensor.dtype), tensor


def _reduce(tensor: torch.Tensor, device: torch.device, reduction: str) -> torch.Tensor:
    from accelerate.utils import reduce

    return reduce(tensor.to(device), reduction)
