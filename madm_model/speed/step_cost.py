# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Time and memory of one training iteration on this machine, and its wait for data, measured with random weights."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from madm_model.adaptation.self_training import SelfTraining
from madm_model.architecture import Architecture
from madm_model.jobs.settings import default_settings, with_options
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.network import MADM
from madm_model.speed.training import coded_data

WARM_UP_ITERATIONS = 2
"""The first has no teacher update, and a GPU chooses its kernels in it."""


@dataclass(frozen=True)
class StepCost:
    """What one iteration takes."""

    name: str
    """Of the network."""
    method: str
    """What is trained and in which precision, in words."""
    batch: tuple[int, int, int]
    """Source and target images each, their height and width in pixels."""
    seconds: float
    """Median time of an iteration."""
    peak_gpu_bytes: int | None
    """Largest GPU memory in use by tensors, weights and optimiser included; None on a CPU."""
    reserved_gpu_bytes: int | None
    """Largest GPU memory that PyTorch held for them; None on a CPU."""
    workers: int
    """Processes that prepared batches."""
    waiting_share: float
    """Share of the time for which an iteration waited for its batch, on average."""


def measure_step(
    architecture: Architecture,
    size: tuple[int, int],
    device: torch.device,
    iterations: int = 5,
    options: Mapping[str, str] | None = None,
    workers: int | None = None,
) -> StepCost:
    """Train as a job would with its default settings, on pictures that are prepared as those of the paper's data sets.

    Args:
        architecture: the network.
        size: height and width that it sees live, pixels.
        device: where it is trained.
        iterations: counted ones; `WARM_UP_ITERATIONS` more come first.
        options: settings by their dotted names, as a job takes them.
        workers: processes that prepare batches; None: 4 for a GPU, 1 for a CPU.

    Raises:
        ValueError: an option is unknown or does not fit.
        ResourceError: the device cannot train as configured.
    """
    on_gpu = device.type == "cuda"
    config = ModelConfig("bench", architecture, STREET_11, "thermal", size, keep_aspect=False)
    count = WARM_UP_ITERATIONS + iterations
    settings = with_options(default_settings(config, "thermal", count, on_gpu), options or {})
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    with torch.device(device):
        network = MADM(architecture, len(STREET_11))
    network.to(device)  # what is seeded is made on the CPU wherever the weights are
    view, resources = settings.view, settings.training.resources
    workers = (4 if on_gpu else 1) if workers is None else workers
    data = coded_data("fmb", STREET_11, view.crop, view.batch_size)
    trainer = SelfTraining(network, STREET_11, data, settings.training, workers=workers)
    seconds, waited = [], []
    for iteration in range(count):
        started, before = time.perf_counter(), trainer.loader.waited_s
        trainer.step(iteration)  # reads its losses, so that nothing is left in flight
        seconds.append(time.perf_counter() - started)
        waited.append(trainer.loader.waited_s - before)
    trainer.loader.close()
    part = f"LoRA {resources.lora.rank}" if resources.lora else "all weights"
    return StepCost(
        architecture.name,
        f"{part}, {resources.precision}",
        (view.batch_size, *view.crop),
        float(np.median(seconds[WARM_UP_ITERATIONS:])),
        torch.cuda.max_memory_allocated(device) if on_gpu else None,
        torch.cuda.max_memory_reserved(device) if on_gpu else None,
        workers,
        sum(waited[WARM_UP_ITERATIONS:]) / sum(seconds[WARM_UP_ITERATIONS:]),
    )
