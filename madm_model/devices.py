# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which GPUs a training could take, asked without PyTorch, whose import takes seconds and hundreds of megabytes."""

from __future__ import annotations

import ctypes
import re
from functools import lru_cache
from importlib import metadata

from madm_model.model_config import ModelError


@lru_cache(maxsize=1)
def gpu_memories() -> tuple[int, ...]:
    """Memory of every CUDA GPU in bytes; empty where there is none, or PyTorch is a build without CUDA."""
    try:
        if metadata.version("torch").endswith("+cpu"):
            return ()
        cuda = ctypes.CDLL("libcuda.so.1")
    except (OSError, metadata.PackageNotFoundError):
        return ()
    count = ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
        return ()
    memories = []
    for number in range(count.value):
        device, memory = ctypes.c_int(), ctypes.c_size_t()
        cuda.cuDeviceGet(ctypes.byref(device), number)
        cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
        memories.append(memory.value)
    return tuple(memories)


def gpu_memory(name: str) -> int | None:
    """Memory in bytes of the GPU that a device's name means; None for the CPU, which `auto` means without a GPU.

    Raises:
        ModelError: the name means nothing, or there is no such GPU.
    """
    memories = gpu_memories()
    if name == "cpu" or (name == "auto" and not memories):
        return None
    found = re.fullmatch(r"auto|cuda(?::(\d+))?", name)
    if found is None:
        raise ModelError(f"unknown device '{name}': use auto, cpu, cuda or cuda:N")
    if int(found[1] or 0) >= len(memories):
        raise ModelError(f"device '{name}' was asked for, but there are {len(memories)} CUDA GPUs: use auto or cpu")
    return memories[int(found[1] or 0)]
