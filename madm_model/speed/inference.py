# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Speed of networks on this machine: medians of interleaved runs, so that a busy moment hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from madm_model.architecture import Architecture
from madm_model.checkpoint.model_folder import build_student
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.network import MADM
from madm_model.segmenter import Segmenter, choose_device, choose_dtype
from madm_model.students.architecture import StudentArchitecture

WARM_UP_RUNS = 2


@dataclass(frozen=True)
class Speed:
    """What was measured of one network at one input size."""

    name: str
    """Of the network."""
    precision: str
    """Number format, as torch names it."""
    size: tuple[int, int]
    """Height and width of the image, pixels."""
    milliseconds: float
    """Median time of one image, from uint8 pixels to class ids."""
    fastest_milliseconds: float
    """Fastest of the runs: what the machine can do when nothing else runs."""
    stages: dict[str, float]
    """Median milliseconds per stage of MADM, measured in runs of their own; empty for other networks."""
    peak_gpu_bytes: int | None
    """Largest GPU memory in use by tensors during the runs; None on a CPU."""


@dataclass(frozen=True)
class Contender:
    """A network to time."""

    name: str
    """To report."""
    segmenter: Segmenter
    """The door to it."""
    has_stages: bool
    """Whether it is MADM, whose time can be split."""


def madm(architecture: Architecture, size: tuple[int, int], device: str, dtype: str) -> Contender:
    """MADM with random weights at a fixed input size: its speed is that of trained ones."""
    with torch.device(choose_device(device)):
        network = MADM(architecture, len(STREET_11))
    return Contender(architecture.name, _segmenter(network, architecture, size, device, dtype), has_stages=True)


def student(architecture: StudentArchitecture, size: tuple[int, int], device: str, dtype: str) -> Contender:
    """A student with random weights at a fixed input size; SegFormer-B0 is the yardstick of small networks."""
    network = build_student(architecture, len(STREET_11))
    return Contender(architecture.name, _segmenter(network, architecture, size, device, dtype), has_stages=False)


def _segmenter(
    network: nn.Module, architecture: Architecture | StudentArchitecture, size: tuple[int, int], device: str, dtype: str
) -> Segmenter:
    config = ModelConfig("bench", architecture, STREET_11, "rgb", size, keep_aspect=False)
    chosen_device = choose_device(device)
    return Segmenter.from_network(network, config, chosen_device, choose_dtype(dtype, chosen_device))


def measure(
    contenders: Sequence[Contender], size: tuple[int, int], runs: int, on_round: Callable[[], None] = lambda: None
) -> list[Speed]:
    """Time networks in turn, one run of each after the other.

    Args:
        contenders: all on one device.
        size: height and width of the image.
        runs: counted runs of each; `WARM_UP_RUNS` more come first.
        on_round: called after every round.

    Returns:
        One result per network, in the same order.
    """
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    seconds: list[list[float]] = [[] for _ in contenders]
    peaks: list[int | None] = [None] * len(contenders)
    for _ in range(WARM_UP_RUNS + runs):
        for index, contender in enumerate(contenders):
            device = contender.segmenter.device
            if device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(device)
            started = time.perf_counter()
            contender.segmenter.segment([image])  # ends with a copy to the CPU: nothing is left in flight
            seconds[index].append(time.perf_counter() - started)
            if device.type == "cuda":
                peaks[index] = torch.cuda.max_memory_allocated(device)
        on_round()
    results = []
    for contender, times, peak in zip(contenders, seconds, peaks):
        counted = np.array(times[WARM_UP_RUNS:]) * 1000
        stages = _stages(contender.segmenter, image, runs) if contender.has_stages else {}
        precision = str(contender.segmenter.dtype).removeprefix("torch.")
        median, fastest = float(np.median(counted)), float(counted.min())
        results.append(Speed(contender.name, precision, size, median, fastest, stages, peak))
    return results


def _stages(segmenter: Segmenter, image: np.ndarray, runs: int) -> dict[str, float]:
    """Median milliseconds per stage."""
    splits = []
    for _ in range(runs):
        with segmenter.stage_timer() as timer:
            segmenter.segment([image])
        splits.append(timer.milliseconds)
    return {stage: float(np.median([split[stage] for split in splits])) for stage in splits[0]}
