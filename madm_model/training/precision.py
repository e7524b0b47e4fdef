# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The number type of a training's passes."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import torch

from madm_model.training.config import Precision

logger = logging.getLogger(__name__)

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager:
    """Autocast of the passes; none where they are made in float32."""
    precision = computed_precision(device, precision)
    return nullcontext() if precision == "float32" else torch.autocast(device.type, DTYPES[precision])


def computed_precision(device: torch.device, precision: Precision) -> Precision:
    """What a device makes passes in that were asked for in a precision: float32 where a CPU only emulates bfloat16.

    There a pass in bfloat16 takes 14 times as long as one in float32 (AMD EPYC with AVX2 alone), and is no better.
    """
    if precision == "bfloat16" and device.type == "cpu" and not _cpu_computes_bfloat16():
        _tell_once()
        return "float32"
    return precision


def _cpu_computes_bfloat16() -> bool:
    return torch.backends.cpu.get_cpu_capability() not in ("AVX2", "DEFAULT")


@lru_cache(maxsize=1)
def _tell_once() -> None:
    logger.warning("this CPU does not compute in bfloat16: passes are made in float32, which is many times faster here")
