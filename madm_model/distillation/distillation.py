# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One iteration of a distillation, from two batches to an optimiser step.

Source: paper, appendix A.3: a second self-training, in which the adapted MADM is the teacher of a smaller network. The
paper says no more about it; soft targets are Hinton et al.'s, mixing and augmentation those of MADM's own training.
"""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from madm_model.adaptation.augmentation import augment
from madm_model.adaptation.class_mix import class_mix
from madm_model.adaptation.config import SelfTrainingConfig
from madm_model.adaptation.self_training import TrainingDiverged
from madm_model.adaptation.step_statistics import StepStatistics, TargetStatistics
from madm_model.distillation.config import DistillationConfig
from madm_model.distillation.data import TaughtData
from madm_model.labels import IGNORE
from madm_model.training.losses import segmentation_loss
from madm_model.training.optimizer import build_optimizer, clip_gradient, set_learning_rate
from madm_model.training.precision import autocast
from madm_model.training.processes import ALONE, Processes
from madm_model.training.weight_average import follow, rising_momentum

_NO_NOISE = -1


class Distillation:
    """Trains a student in place, one iteration at a time; `stage.run_iterations` is its loop.

    Everything random in an iteration follows from the seed and the iteration's number, so a resumed distillation
    equals the unbroken one.

    Attributes:
        student: the network that is trained.
        average: the running average of its weights, which is the result.
    """

    def __init__(
        self,
        student: nn.Module,
        data: TaughtData,
        config: DistillationConfig,
        device: torch.device,
        processes: Processes = ALONE,
    ) -> None:
        """Get a student ready to train, in place.

        Args:
            student: weights to start from; maps (B, 3, H, W) in [-1, 1] to an object with `logits` (B, K, h, w).
            data: source and taught target batches.
            config: with a number of iterations.
            device: where to train.
            processes: that train together, each with batches of its own: a step's is as many times larger.

        Raises:
            ValueError: float16 without CUDA.
        """
        if config.precision == "float16" and device.type != "cuda":
            raise ValueError("float16 training needs CUDA: use precision bfloat16 or float32 on this machine")
        self.student = student.to(device).train()
        self.average = copy.deepcopy(self.student).requires_grad_(False)
        self._data, self._config, self._device = data, config, device
        self._processes = processes
        self._optimizer = build_optimizer(self.student, config.optimizer)
        self._scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "float16")

    def step(self, iteration: int) -> StepStatistics:
        """Run one iteration, counted from 0. B images of H x W, K classes.

        Raises:
            TrainingDiverged: a loss is not finite.
        """
        config = self._config
        own = [self._processes.rank] if self._processes.rank else []  # the first one draws what one alone draws
        source_rng, target_rng, mix_rng, augment_rng = (
            np.random.default_rng([config.seed, iteration, purpose, *own]) for purpose in range(4)
        )
        learning_rate = set_learning_rate(self._optimizer, iteration, config.iterations, config.optimizer)
        self._optimizer.zero_grad(set_to_none=True)

        # 1. Source pass: cross entropy with the labels
        source = self._data.source(source_rng)
        images, labels = source.images.to(self._device), source.labels.to(self._device)  # (B, 3, H, W), (B, H, W)
        loss = config.source_weight * segmentation_loss(self._logits(images), labels)
        losses = {"source_segmentation": self._backward(loss, iteration)}

        # 2. What the teacher says about the target
        target = self._data.target(target_rng)
        opinion = target.probabilities.to(self._device)  # (B, K, H, W)
        certainty, likeliest = opinion.max(dim=1)  # (B, H, W) each

        # 3. Source pixels of half the classes go onto the target
        mixed = class_mix(images, labels, target.images.to(self._device), likeliest, 1.0, mix_rng)

        # 4. Strong augmentation, of the mixed image only
        mixed_images = augment(mixed.images, config.augmentation, augment_rng)  # (B, 3, H, W)

        # 5. Mixed pass: cross entropy with labels where they were pasted, with the teacher's probabilities elsewhere
        logits = self._logits(mixed_images)
        loss = config.target_weight * soft_loss(logits, mixed.labels, mixed.pasted, opinion, config.temperature)
        losses["target_segmentation"] = self._backward(loss, iteration)

        # 6. Clip and step, and the average follows; processes have the mean of their gradients, then of their norms
        self._processes.average_gradients(self.student.parameters())
        self._scaler.unscale_(self._optimizer)
        gradient_norm = clip_gradient(self._optimizer, config.optimizer)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._processes.average([buffer for buffer in self.student.buffers() if buffer.is_floating_point()])
        follow(self.average, self.student, rising_momentum(iteration, config.momentum))

        quality = (certainty >= SelfTrainingConfig.pseudo_threshold).float().mean().item()
        histogram = torch.bincount(mixed.labels[mixed.labels != IGNORE], minlength=opinion.shape[1]).cpu().numpy()
        seen = TargetStatistics(_NO_NOISE, quality, certainty.mean().item(), mixed.pasted_share, histogram)
        return StepStatistics(losses, gradient_norm, {}, learning_rate, [seen])

    def _logits(self, images: torch.Tensor) -> torch.Tensor:
        """The student's scores of images (B, 3, H, W): float32 (B, K, h, w)."""
        with autocast(self._device, self._config.precision):
            return self.student(images).logits.float()

    def _backward(self, loss: torch.Tensor, iteration: int) -> float:
        """Add the gradients of a loss; gives its value. A pass's memory is free before the next one."""
        self._scaler.scale(loss).backward()
        if not math.isfinite(value := loss.item()):
            raise TrainingDiverged(f"the student's loss is {value} at iteration {iteration}: lower its learning rate")
        return value

    def finish(self) -> nn.Module:
        """The trained network, float32, in evaluation mode; this object is spent."""
        del self.student, self._optimizer
        return self.average.eval()

    def state_dict(self) -> dict[str, Any]:
        """Everything that training changes."""
        return {
            "config": repr(self._config),
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`.

        Raises:
            ValueError: the state is from another configuration.
        """
        if state["config"] != repr(self._config):
            raise ValueError(
                "the student's checkpoint is from another configuration: resume with that one, or start afresh"
            )
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])


def soft_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    is_labelled: torch.Tensor,
    probabilities: torch.Tensor,
    temperature: float,
) -> torch.Tensor:
    """Cross entropy with labels where there are some, and with softened probabilities elsewhere, over all pixels.

    Both softmaxes are those of scores divided by the temperature T; T^2 keeps the gradient's size (Hinton et al.).

    Args:
        logits: float (B, K, h, w), resized bilinearly to the labels' size.
        labels: int64 (B, H, W), class ids or `IGNORE`, whose pixels add zero.
        is_labelled: bool (B, H, W), where the labels count.
        probabilities: float (B, K, H, W), which count elsewhere.
        temperature: T, above 0.

    Returns:
        float scalar.
    """
    if logits.shape[-2:] != labels.shape[-2:]:
        logits = functional.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=False)
    hard = functional.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none")
    softened = probabilities ** (1 / temperature)
    softened = softened / softened.sum(dim=1, keepdim=True)
    soft = functional.cross_entropy(logits / temperature, softened, reduction="none") * temperature**2
    return torch.where(is_labelled, hard, soft).mean()
