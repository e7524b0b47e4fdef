# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Settings of a distillation. Without PyTorch: whoever only checks them starts at once, and small."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Annotated

from pydantic import Field

from madm_model.adaptation.config import AugmentationConfig
from madm_model.adaptation.view_config import ViewConfig
from madm_model.settings import settings
from madm_model.training.config import OptimizerConfig, Precision

_NotNegative = Annotated[int, Field(ge=0)]
_Weight = Annotated[float, Field(ge=0)]


@settings
class DistillationConfig:
    """How a student learns from its teacher."""

    iterations: _NotNegative = 0
    """Optimiser steps; 0 in an adaptation job: as many as the adaptation has, or fit into the student's share of the
    time budget."""
    time_share: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """Share of an adaptation job's time budget that is the student's."""
    seed: _NotNegative = 0
    """Seeds the initial weights, batches, mixing and augmentation."""
    height: _NotNegative = 0
    """Rows of what the student sees live, a multiple of 32; 0: as the teacher, or as the student that is started
    from."""
    width: _NotNegative = 0
    """Columns, likewise."""
    view: ViewConfig = field(default_factory=lambda: ViewConfig(8, 0, 0, source_appearance=True))
    """Batch size and crops; a crop of 0 rows and columns is as large as what the student sees live."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Of AdamW."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Softens the teacher's probabilities and the student's where they are compared; above 1, what the teacher takes
    for less likely counts for more (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015)."""
    own_share: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Share of what the student says itself, before it learns, in the labels of the target, where it starts from a
    trained student: one that has seen much may know what a teacher of few iterations does not."""
    source_weight: _Weight = 1.0
    """Of the cross entropy on the labelled source."""
    target_weight: _Weight = 1.0
    """Of the cross entropy with the teacher's probabilities on the mixed target."""
    augmentation: AugmentationConfig | None = field(default_factory=AugmentationConfig)
    """Augmentation of the mixed image; None leaves it as it is."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.998
    """Of the running average of the student's weights, which is what is saved."""
    precision: Precision = "float32"
    """Autocast type of the passes, the teacher's too; float16 needs CUDA and scales the loss."""

    def __post_init__(self) -> None:
        if self.view.batch_size < 2:
            raise ValueError(f"view.batch_size is {self.view.batch_size}: a student's norms need at least 2")
        if not (self.source_weight or self.target_weight):
            raise ValueError("source_weight and target_weight are both 0: nothing would be learned")

    def crops(self, input_size: tuple[int, int]) -> ViewConfig:
        """The view of a student that sees that many rows and columns live."""
        rows, columns = self.view.crop_height or input_size[0], self.view.crop_width or input_size[1]
        return replace(self.view, crop_height=rows, crop_width=columns)

    @property
    def optimizer(self) -> OptimizerConfig:
        """Learning rate, decay, clipping and schedule."""
        warmup = min(200, self.iterations // 10)
        return OptimizerConfig(self.learning_rate, 0.01, 1.0, warmup, (0.8, 0.95))
