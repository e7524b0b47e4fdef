# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Whether a machine has the disk and the memory that a job needs, and what a job leaves to others."""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from madm_model.checkpoint.weight_count import count_weights
from madm_model.io.frames import InputError

if TYPE_CHECKING:
    import torch

_CHECKPOINT, _AVERAGED = 48, 12
"""Bytes of disk a weight of a training of all of them: the checkpoint, the one before it, and the next while
it is written; and what the mean of the weights adds."""
_EARLIER = 4
"""Bytes of disk a weight of an earlier state."""
_STORED = 8
"""Bytes of disk a weight for the version, beside the checkpoint."""
_OOM_SCORE = 500
"""Of 1000, added to what the kernel goes by when memory runs out: of a robot's processes, the job is to go first."""


def check_room(
    store_root: Path,
    model: Path,
    frame_bytes: int,
    adapters: bool = False,
    earlier_states: int = 0,
    averaged: bool = False,
) -> None:
    """Refuse a job for which there is too little disk.

    Args:
        store_root: where it writes; need not exist.
        model: folder of the model it starts from.
        frame_bytes: disk that its target frames take.
        adapters: whether adapters are trained in place of the weights.
        earlier_states: of the trained weights that are kept on the way, in float32.
        averaged: whether the mean of the trained weights is kept, too.

    Raises:
        InputError: how much there is, and how much it needs.
    """
    weights = count_weights(model)
    existing = next(path for path in (store_root, *store_root.absolute().parents) if path.exists())
    checkpoint = 0 if adapters else _CHECKPOINT + averaged * _AVERAGED + _EARLIER * earlier_states
    disk, needed = shutil.disk_usage(existing).free, frame_bytes + weights * (checkpoint + _STORED)
    if disk < needed:
        raise InputError(f"{existing} has {_megabytes(disk)} free, the job needs about {_megabytes(needed)}")


@contextlib.contextmanager
def memory_limit(more: int) -> Iterator[None]:
    """Have this process fail where it would take so many bytes more, before the machine has none left."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            # What it may write to, other than its address space: that holds the files it maps, and a GPU's memory.
            resource.setrlimit(resource.RLIMIT_DATA, (int(line.split()[1]) * 1024 + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def step_back(niceness: int) -> None:
    """Make this process one that others come before: for the processor, and when memory runs out.

    Args:
        niceness: added to the process's; 19 is the lowest priority.
    """
    os.nice(niceness)
    with contextlib.suppress(OSError):  # Linux only
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE))


def prepare_device(device: str, threads: int, gpu_memory_share: float) -> torch.device:
    """Where to train, with limits on what is taken there.

    Args:
        device: auto, cpu, cuda, ...
        threads: CPU threads; 0 leaves the choice to PyTorch.
        gpu_memory_share: share of the GPU's memory that may be taken.

    Raises:
        ModelError: there is no such device.
    """
    import torch  # not above: a request is checked without it

    from madm_model.placement import choose_device

    if threads:
        torch.set_num_threads(threads)
    chosen = choose_device(device)
    if chosen.type == "cuda" and gpu_memory_share < 1:
        # PyTorch wants a number here: "cuda" alone is refused.
        index = torch.cuda.current_device() if chosen.index is None else chosen.index
        torch.cuda.set_per_process_memory_fraction(gpu_memory_share, index)
    return chosen


def free_memory(device: torch.device) -> None:
    """Give back what nobody refers to any more, that of the GPU included."""
    gc.collect()
    if device.type == "cuda":
        import torch

        torch.cuda.empty_cache()


def available_memory() -> int:
    """Bytes that processes may still take, within this one's control group."""
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    with contextlib.suppress(OSError, ValueError):  # of a container; without a limit it says "max"
        group = Path("/sys/fs/cgroup")
        free = min(free, int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return free


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f} MB"
