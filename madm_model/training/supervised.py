# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Supervised training on labelled RGB frames: cross entropy and latent regression of the source branch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from madm_model.labels import LabelSet
from madm_model.network.madm import MADM
from madm_model.training.appearance import AppearanceConfig, with_random_appearance
from madm_model.training.frame_pool import FramePool
from madm_model.training.label_palette import encode_labels
from madm_model.training.losses import latent_regression_loss, segmentation_loss
from madm_model.training.precision import Precision, autocast
from madm_model.training.stage import Step


@dataclass(frozen=True)
class SupervisedStage:
    """Data and loss of the supervised stage."""

    batch_size: int = 8
    """Images per step."""
    crop: tuple[int, int] = (128, 256)
    """Height and width of a training crop in pixels."""
    scale: tuple[float, float] = (0.8, 1.6)
    """Smallest and largest magnification of a frame."""
    regression_weight: float = 1.0
    """Weight of the latent regression loss (LPLR, specification section 9.4)."""
    appearance: AppearanceConfig | None = None
    """Random appearance of the images; None shows them as they are."""
    precision: Precision = "float32"
    """Autocast type of the passes; bfloat16 takes two thirds of the time on a CPU that has it."""


def supervised_step(network: MADM, pool: FramePool, label_set: LabelSet, config: SupervisedStage, seed: int) -> Step:
    """Losses of one iteration on simulated RGB with its labels."""

    def step(iteration: int) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([seed, iteration])
        crops = pool.draw(rng, "rgb", config.batch_size, config.crop, config.scale)
        images, labels = FramePool.batch(with_random_appearance(rng, crops, config.appearance))
        with autocast(images.device, config.precision):
            output = network(images)
            target_latent = encode_labels(network.vae, network.architecture.latent_scaling, labels, label_set)
        regression = latent_regression_loss(output.latent.float(), target_latent.float(), labels)
        return {
            "segmentation": segmentation_loss(output.logits.float(), labels),
            "regression": config.regression_weight * regression,
        }

    return step
