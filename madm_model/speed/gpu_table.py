# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a GPU makes of `sd14`: latency in every runtime and half precision, memory, and an iteration of training."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from madm_model.architecture import SD14, Architecture
from madm_model.model_config import ModelError
from madm_model.runtimes.opening import installed
from madm_model.speed.inference import Speed, contenders, measure
from madm_model.speed.step_cost import measure_step

LIMIT_S = 420.0
"""Nothing more is begun after this long: the whole command takes less than 8 minutes."""
TERA_OPERATIONS = 6.35
"""Floating-point operations of one image of 512x512 through sd14, times 1e12."""
_RUNS, _ITERATIONS = 10, 3

Rows = list[list[str]]


def measure_gpu(
    device: torch.device,
    on_left_out: Callable[[str], object],
    architecture: Architecture = SD14,
    size: tuple[int, int] = (512, 512),
    clock: Callable[[], float] = time.monotonic,
) -> list[tuple[str, list[str], Rows]]:
    """Tables: title, columns, rows.

    Args:
        device: a CUDA GPU.
        on_left_out: gets one line about what could not be measured.
        architecture: what is measured.
        size: height and width of the images.
        clock: seconds.

    Raises:
        ModelError: the device is no GPU, and what is measured is sd14.
    """
    if device.type != "cuda" and architecture is SD14:
        raise ModelError("the GPU table needs a CUDA GPU, and PyTorch finds none here")
    end = clock() + LIMIT_S
    latencies: Rows = []
    dtypes = ("float16", "bfloat16") if device.type == "cuda" else ("float32",)
    for runtime in ("torch", *(installed(device) if device.type == "cuda" else ())):
        for dtype in dtypes:
            if clock() > end:
                on_left_out(f"{runtime} {dtype} is left out: the time is over")
                continue
            made = contenders(architecture, size, str(device), dtype, [runtime], on_left_out)
            latencies += [_latency(speed) for speed in measure(made, size, _RUNS)]
            del made
            _empty(device)
    steps: Rows = []
    for name, options in (("LoRA", {}), ("all weights", {"lora": "off"})):
        if clock() > end:
            on_left_out(f"training of {name} is left out: the time is over")
            continue
        try:
            cost = measure_step(architecture, size, device, _ITERATIONS, options)
        except (RuntimeError, ValueError) as error:  # out of memory, above all
            on_left_out(f"training of {name} is left out: {error}")
            continue
        finally:
            _empty(device)
        peak = "-" if cost.peak_gpu_bytes is None else f"{cost.peak_gpu_bytes / 2**30:.1f}"
        steps.append(
            [cost.method, "x".join(map(str, cost.batch)), f"{cost.seconds:.2f}", f"{cost.waiting_share:.1%}", peak]
        )
    where = f"{architecture.name} at {size[0]}x{size[1]}"
    return [
        (f"{where}, one image", ["runtime", "ms (median)", "ms (fastest)", "TFLOP/s", "peak GPU GiB"], latencies),
        (
            f"{where}, one iteration of training",
            ["trained", "batch", "s (median)", "waiting for data", "peak GPU GiB"],
            steps,
        ),
    ]


def _latency(speed: Speed) -> list[str]:
    peak = "-" if speed.peak_gpu_bytes is None else f"{speed.peak_gpu_bytes / 2**30:.1f}"
    rate = TERA_OPERATIONS / speed.milliseconds * 1000
    return [speed.runtime, f"{speed.milliseconds:.1f}", f"{speed.fastest_milliseconds:.1f}", f"{rate:.1f}", peak]


def _empty(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
