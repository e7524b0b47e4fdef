# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Time and memory of one training iteration on this machine, measured with random weights and images."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from madm_model.adaptation.data.batches import LabelledBatch
from madm_model.adaptation.data.training_data import ViewConfig
from madm_model.adaptation.self_training import SelfTraining
from madm_model.architecture import Architecture
from madm_model.jobs.settings import default_settings, with_options
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.network import MADM

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


class RandomData:
    """Noise for images, and labels in blocks of 32 pixels, so that classes can be mixed."""

    def __init__(self, view: ViewConfig, num_classes: int) -> None:
        self._view, self._num_classes = view, num_classes

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        """Images of -1 to 1 and their labels."""
        blocks = rng.integers(0, self._num_classes, (self._view.batch_size, *(-(-side // 32) for side in self._size)))
        labels = blocks.repeat(32, axis=1).repeat(32, axis=2)[:, : self._size[0], : self._size[1]]
        return LabelledBatch(self.target(rng), torch.from_numpy(labels.copy()))

    def target(self, rng: np.random.Generator) -> torch.Tensor:
        """Images of -1 to 1."""
        shape = (self._view.batch_size, 3, *self._size)
        return torch.from_numpy(rng.uniform(-1, 1, shape).astype(np.float32))

    @property
    def _size(self) -> tuple[int, int]:
        return self._view.crop_height, self._view.crop_width


def measure_step(
    architecture: Architecture,
    size: tuple[int, int],
    device: torch.device,
    iterations: int = 5,
    options: Mapping[str, str] | None = None,
) -> StepCost:
    """Train as a job would with its default settings.

    Args:
        architecture: the network.
        size: height and width that it sees live, pixels.
        device: where it is trained.
        iterations: counted ones; `WARM_UP_ITERATIONS` more come first.
        options: settings by their dotted names, as a job takes them.

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
    trainer = SelfTraining(network, STREET_11, RandomData(settings.view, len(STREET_11)), settings.training)
    seconds = []
    for iteration in range(count):
        started = time.perf_counter()
        trainer.step(iteration)  # reads its losses, so that nothing is left in flight
        seconds.append(time.perf_counter() - started)
    view, resources = settings.view, settings.training.resources
    part = f"LoRA {resources.lora.rank}" if resources.lora else "all weights"
    return StepCost(
        architecture.name,
        f"{part}, {resources.precision}",
        (view.batch_size, view.crop_height, view.crop_width),
        float(np.median(seconds[WARM_UP_ITERATIONS:])),
        torch.cuda.max_memory_allocated(device) if on_gpu else None,
        torch.cuda.max_memory_reserved(device) if on_gpu else None,
    )
