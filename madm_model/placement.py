# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Where a network runs, and in which number format."""

from __future__ import annotations

import torch

from madm_model.model_config import ModelError

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

INTEL_DEVICES = ("gpu", "npu")
"""Names of devices that OpenVINO alone reaches."""

_BFLOAT16_SINCE = 8, 0
"""Compute capability from which CUDA GPUs compute bfloat16 (Ampere, Orin); before, it is emulated, slowly."""


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" is CUDA where there is one, else the CPU.

    Raises:
        ModelError: the name means nothing, or that CUDA device is not there.
    """
    available = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if available else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda"):
        raise ModelError(f"unknown device '{name}': use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and not available:
        raise ModelError(f"device '{name}' was asked for, but PyTorch finds no CUDA GPU here: use auto or cpu")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"device '{name}' was asked for, but there are {torch.cuda.device_count()} CUDA GPUs")
    return device


def auto_dtype(compute_capability: tuple[int, int] | None) -> torch.dtype:
    """What "auto" means: bfloat16 on a CUDA GPU that computes it, float16 on an older one, float32 on a CPU.

    Scores beyond 65504 are infinite in float16; bfloat16 has the range of float32.

    Args:
        compute_capability: of the CUDA GPU, major and minor; None for a CPU.
    """
    if compute_capability is None:
        return torch.float32
    return torch.bfloat16 if compute_capability >= _BFLOAT16_SINCE else torch.float16


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The floating-point type of that name; "auto" as `auto_dtype` says.

    Raises:
        ModelError: the name is unknown.
    """
    if name == "auto":
        return auto_dtype(torch.cuda.get_device_capability(device) if device.type == "cuda" else None)
    if name not in DTYPES:
        raise ModelError(f"unknown dtype '{name}': use auto, {', '.join(DTYPES)}")
    return DTYPES[name]


def dtype_name(dtype: torch.dtype) -> str:
    """The name that options have for it."""
    return next(name for name, known in DTYPES.items() if known == dtype)
