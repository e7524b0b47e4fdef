# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Batches of a distillation: the labelled source, and the target with what the teacher says about it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch

from madm_model.adaptation.data.batches import LabelledBatch
from madm_model.adaptation.data.source_frames import SourceFrames
from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.adaptation.data.training_data import JobData
from madm_model.adaptation.view_config import ViewConfig
from madm_model.distillation.teacher_labels import TeacherLabels
from madm_model.model_config import ModelConfig, magnification
from madm_model.training.views import draw_view, stack_images


class TaughtBatch(NamedTuple):
    """Target images with the teacher's opinion."""

    images: torch.Tensor
    """float32 (B, 3, H, W) in [-1, 1]."""
    probabilities: torch.Tensor
    """float32 (B, K, H, W), which sum to 1."""


class TaughtData(Protocol):
    """A source and a taught target; both give batches of the same shape. The generator decides everything."""

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        """A labelled batch, on the CPU."""

    def target(self, rng: np.random.Generator) -> TaughtBatch:
        """A batch that the teacher has labelled, on the CPU."""


class DistillationData:
    """`TaughtData` of frames on disk, at the size that the student sees live."""

    def __init__(
        self, source: SourceFrames, target: TargetFrames, taught: TeacherLabels, config: ModelConfig, view: ViewConfig
    ) -> None:
        """Name the frames.

        Args:
            source: labelled frames; those that an adaptation's gate looks at are left out, as in the adaptation.
            target: frames; those to train on are drawn.
            taught: the teacher's probabilities of these.
            config: of the student.
            view: what of a frame is seen.

        Raises:
            ValueError: the crop does not fit the student.
        """
        self._labelled = JobData(source, target, config, view)
        self._target, self._taught, self._view = target, taught, view
        self._scale = view.magnifications(magnification(config, *target.images.shape[1:3]))

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        """RGB crops and their labels."""
        return self._labelled.source(rng)

    def target(self, rng: np.random.Generator) -> TaughtBatch:
        """Crops of target frames."""
        size, shape = self._view.crop, self._target.images.shape[1:3]
        indices = rng.choice(self._taught.indices, self._view.batch_size)
        views = [draw_view(rng, shape, size, self._scale) for _ in indices]
        images = [view.of_image(self._target.images[index]) for view, index in zip(views, indices)]
        opinions = [view.of_scores(self._taught.of(index)) for view, index in zip(views, indices)]
        return TaughtBatch(stack_images(images), torch.stack(opinions))
