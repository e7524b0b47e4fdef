# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A few iterations of a miniature network, in one process or as one of several that were launched."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from adaptation_samples import MINIATURE

from madm_model.adaptation.config import AdaptationConfig, DPLGConfig, ResourceConfig, SelfTrainingConfig
from madm_model.adaptation.data.batches import LabelledBatch
from madm_model.adaptation.self_training import SelfTraining
from madm_model.labels import STREET_11
from madm_model.network.madm import MADM
from madm_model.training.config import OptimizerConfig
from madm_model.training.processes import Processes

ITERATIONS = 3
CONFIG = AdaptationConfig(
    iterations=ITERATIONS,
    self_training=SelfTrainingConfig(pseudo_threshold=0.12, dplg=DPLGConfig((60, 61), 4)),
    optimizer=OptimizerConfig(1e-3, gradient_clip=1.0, warmup_iterations=0),
    resources=ResourceConfig(accumulation=2),
)


class BlockData:
    """Noise with labels in blocks, 32x32."""

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        labels = torch.from_numpy(np.kron(rng.integers(0, 11, (2, 2)), np.ones((16, 16), np.int64)))[None]
        return LabelledBatch(self.target(rng), labels)

    def target(self, rng: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(-1, 1, (1, 3, 32, 32)).astype(np.float32))


def losses_and_weights(processes: Processes) -> dict[str, Any]:
    """Losses of every iteration, and norms of what is trained in the end."""
    torch.manual_seed(0)
    trainer = SelfTraining(MADM(MINIATURE, len(STREET_11)), STREET_11, BlockData(), CONFIG, processes=processes)
    losses, confidence = [], []
    for iteration in range(ITERATIONS):
        torch.manual_seed(iteration)
        statistics = trainer.step(iteration)
        losses.append(statistics.losses | {"gradient_norm": statistics.gradient_norm})
        confidence.append(statistics.row()["confidence"])
    parts = {
        "unet": trainer.network.unet,
        "head": trainer.network.head.classifier,
        "teacher": trainer.teacher.network.head,
    }
    norms = trainer.network.head.bottleneck.norm
    return {
        "losses": losses,
        "confidence": confidence,
        "weights": {
            name: sum(float(value.detach().double().norm()) for value in part.parameters())
            for name, part in parts.items()
        }
        | {"norms": float(norms.running_mean.double().norm() + norms.running_var.double().norm())},
    }
