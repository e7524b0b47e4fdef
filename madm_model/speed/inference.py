# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Speed of networks on this machine: medians of interleaved runs, so that a busy moment hits all alike."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from madm_model.architecture import Architecture
from madm_model.checkpoint.model_folder import build_student
from madm_model.jobs.room import available_memory
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig, ModelError
from madm_model.network import MADM
from madm_model.placement import choose_device
from madm_model.segmenter import Segmenter
from madm_model.students.architecture import StudentArchitecture

WARM_UP_RUNS = 2
_COPIES = 3
"""Of the weights that making and running one more runtime takes, about."""


@dataclass(frozen=True)
class Speed:
    """What was measured of one network in one runtime at one input size."""

    name: str
    """Of the network."""
    runtime: str
    """What ran it, and in which number format."""
    size: tuple[int, int]
    """Height and width of the image, pixels."""
    milliseconds: float
    """Median time of one image, from uint8 pixels to class ids."""
    fastest_milliseconds: float
    """Fastest of the runs: what the machine can do when nothing else runs."""
    first_seconds: float
    """The first image, for which the runtime compiles what it has not cached."""
    stages: dict[str, float]
    """Median milliseconds per stage of MADM in PyTorch, measured in runs of their own; empty for others."""
    peak_gpu_bytes: int | None
    """Largest GPU memory in use by tensors during the runs; None on a CPU."""


@dataclass(frozen=True)
class Contender:
    """A network in a runtime, to time."""

    name: str
    """Of the network, to report."""
    segmenter: Segmenter
    """The door to it."""
    first_seconds: float
    """What its first image took."""


def contenders(
    architecture: Architecture | StudentArchitecture,
    size: tuple[int, int],
    device: str,
    dtype: str,
    runtimes: Sequence[str],
    on_left_out: Callable[[str], object],
) -> list[Contender]:
    """One network with random weights in several runtimes: its speed is that of trained weights.

    Args:
        architecture: of MADM or a student.
        size: height and width that it sees.
        device: auto, cpu, cuda, ...
        dtype: number format, as of Segmenter.
        runtimes: names.
        on_left_out: gets one line about each that cannot run it here.
    """
    config = ModelConfig("bench", architecture, STREET_11, "rgb", size, keep_aspect=False)
    chosen = choose_device(device)
    with torch.device(chosen):
        is_madm = isinstance(architecture, Architecture)
        network = (MADM if is_madm else build_student)(architecture, len(STREET_11))
    network.to(chosen)  # what is seeded is made on the CPU wherever the weights are
    weights = sum(tensor.nbytes for tensor in network.state_dict().values())
    made = []
    for name in runtimes:
        if chosen.type == "cpu" and name != "torch" and available_memory() < _COPIES * weights:
            needs = f"{_COPIES * weights / 2**30:.0f} GiB of memory"
            on_left_out(f"{architecture.name} in {name} is left out: it needs about {needs}")
            continue
        try:
            # A runtime may cast the network in place, which others would then be made of.
            own = network if dtype in ("auto", "float32") or chosen.type != "cpu" else copy.deepcopy(network)
            segmenter = Segmenter.from_network(own, config, chosen, dtype, name)
            started = time.perf_counter()
            segmenter.warm_up(*size)
        except (ModelError, torch.OutOfMemoryError) as error:
            on_left_out(f"{architecture.name} in {name} is left out: {error}")
            continue
        made.append(Contender(architecture.name, segmenter, time.perf_counter() - started))
    return made


def measure(
    chosen: Sequence[Contender], size: tuple[int, int], runs: int, on_round: Callable[[], None] = lambda: None
) -> list[Speed]:
    """Time networks in turn, one run of each after the other.

    Args:
        chosen: all on one device.
        size: height and width of the image.
        runs: counted runs of each; `WARM_UP_RUNS` more come first.
        on_round: called after every round.

    Returns:
        One result per contender, in the same order.
    """
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    seconds: list[list[float]] = [[] for _ in chosen]
    peaks: list[int | None] = [None] * len(chosen)
    for _ in range(WARM_UP_RUNS + runs):
        for index, contender in enumerate(chosen):
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
    for contender, times, peak in zip(chosen, seconds, peaks):
        counted = np.array(times[WARM_UP_RUNS:]) * 1000
        median, fastest = float(np.median(counted)), float(counted.min())
        segmenter = contender.segmenter
        stages = _stages(segmenter, image, runs) if segmenter.has_stages else {}
        results.append(
            Speed(contender.name, segmenter.runtime, size, median, fastest, contender.first_seconds, stages, peak)
        )
    return results


def _stages(segmenter: Segmenter, image: np.ndarray, runs: int) -> dict[str, float]:
    """Median milliseconds per stage."""
    splits = []
    for _ in range(runs):
        with segmenter.stage_timer() as timer:
            segmenter.segment([image])
        splits.append(timer.milliseconds)
    return {stage: float(np.median([split[stage] for split in splits])) for stage in splits[0]}
