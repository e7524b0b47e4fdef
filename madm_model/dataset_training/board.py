# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""TensorBoard's files of a training: curves, and pictures of what the student is taught."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from madm_model.adaptation.passes import MixedView
from madm_model.adaptation.step_statistics import StepStatistics
from madm_model.labels import LabelSet, colorize
from madm_model.pictures import contact_sheet

PANELS = ("target", "pseudo-labels", "mixed", "mixed labels", "prediction")


class Board:
    """Writes into a folder that `tensorboard --logdir` shows.

    Args:
        folder: made if missing.
        first: iterations done before; what a broken training wrote after them is not shown.
    """

    def __init__(self, folder: Path, first: int) -> None:
        self._writer = SummaryWriter(str(folder), purge_step=first + 1)

    def add_step(self, done: int, statistics: StepStatistics, waiting_share: float) -> None:
        """Losses, gradient, learning rate, noise step and quality of the pseudo-labels.

        Args:
            done: iterations.
            statistics: of the last one.
            waiting_share: of the time since the last call, spent waiting for data.
        """
        for name, value in statistics.losses.items():
            self._writer.add_scalar(f"loss/{name}", value, done)
        for name, value in statistics.row().items():
            if name not in statistics.losses:
                group = (
                    "target" if statistics.target and name not in ("gradient_norm", "learning_rate") else "optimizer"
                )
                self._writer.add_scalar(f"{group}/{name}", value, done)
        self._writer.add_scalar("data/waiting_share", waiting_share, done)

    def add_panels(self, done: int, view: MixedView, label_set: LabelSet) -> None:
        """A picture of the last mixed pass."""
        images = (view.target, view.pseudo_labels, view.mixed, view.mixed_labels, view.predicted)
        panels = [_picture(image) if image.ndim == 3 else _painted(image, label_set) for image in images]
        self._writer.add_image("mixed_pass", contact_sheet([panels], PANELS, label_set), done, dataformats="HWC")

    def add_scores(self, done: int, scores: dict[str, Any]) -> None:
        """mIoU, and IoU per class."""
        self._writer.add_scalar("validation/miou", scores["miou"] or 0.0, done)
        for name, iou in scores["class_iou"].items():
            if iou is not None:
                self._writer.add_scalar(f"validation_iou/{name}", iou, done)

    def close(self) -> None:
        """Bring everything to the disk."""
        self._writer.close()


def _picture(image: torch.Tensor) -> np.ndarray:
    """(3, H, W) in [-1, 1] to uint8 (H, W, 3)."""
    return ((image.float() + 1) * 127.5).round().clamp(0, 255).byte().permute(1, 2, 0).cpu().numpy()


def _painted(labels: torch.Tensor, label_set: LabelSet) -> np.ndarray:
    return colorize(labels.cpu().numpy().astype(np.uint8), label_set)
