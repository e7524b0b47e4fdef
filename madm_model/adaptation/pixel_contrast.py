# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Pixel-wise contrast of the labelled source, as PiPa adds it to a self-training.

Chen et al., "PiPa: Pixel- and Patch-wise Self-supervised Learning for Domain Adaptative Semantic Segmentation", ACM MM
2023, and its released code; Wang et al., "Exploring Cross-Image Pixel Contrast", ICCV 2021. There the features are
those of the encoder; here they are the projected ones of the UNet, at the latent's size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from madm_model.adaptation.config import PixelContrastConfig
from madm_model.labels import IGNORE


class PixelContrast(nn.Module):
    """Compares pixels by an embedding of their features, which is trained along and not part of the model.

    Args:
        in_channels: widths of the features.
        config: samples, temperatures and the embedding's width.
    """

    def __init__(self, in_channels: Sequence[int], config: PixelContrastConfig) -> None:
        super().__init__()
        width = sum(in_channels)
        self._config = config
        self.embed = nn.Sequential(
            nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU(inplace=True), nn.Linear(width, config.embedding)
        )

    def forward(
        self, features: Sequence[torch.Tensor], labels: torch.Tensor, predicted: torch.Tensor, rng: np.random.Generator
    ) -> torch.Tensor:
        """The weighted loss of a batch; 0 where no class has enough pixels.

        Args:
            features: each (B, C_i, h_i, w_i); the first has the finest size h x w.
            labels: int64 (B, H, W), class ids or 255.
            predicted: int64 (B, H, W), what the student says: half of a class's pixels are ones it gets wrong.
            rng: chooses the pixels.

        Returns:
            float32 scalar.
        """
        size = features[0].shape[-2:]
        coarse, said = (
            functional.interpolate(ids[:, None].float(), size, mode="nearest")[:, 0].long().cpu().numpy()
            for ids in (labels, predicted)
        )  # (B, h, w)
        chosen, classes = choose_pixels(coarse, said, self._config, rng)
        if not classes.size:
            return features[0].new_zeros(())
        image, row, column = torch.from_numpy(chosen).to(features[0].device)
        levels = (functional.interpolate(level.float(), size, mode="bilinear") for level in features)
        pixels = torch.cat([level[image, :, row, column] for level in levels], dim=1)  # (N, C)
        embedded = functional.normalize(self.embed(pixels), dim=1)  # (N, E)
        ids = torch.from_numpy(classes).to(embedded.device)
        return self._config.weight * contrastive_loss(
            embedded, ids, self._config.temperature, self._config.base_temperature
        )


def choose_pixels(
    labels: np.ndarray, predicted: np.ndarray, config: PixelContrastConfig, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """As many pixels of every class of every image, half of them hard ones (wrong in `predicted`) if there are enough.

    Args:
        labels: int (B, h, w), class ids or 255.
        predicted: int (B, h, w).
        config: how many.
        rng: chooses.

    Returns:
        int64 (3, N): image, row and column; and int64 (N,), their classes.
    """
    found = [
        (image, class_id)
        for image, ids in enumerate(labels)
        for class_id, count in zip(*np.unique(ids, return_counts=True))
        if class_id != IGNORE and count > config.max_views
    ]
    views = min(config.max_samples // max(len(found), 1), config.max_views)
    places, classes = [], []
    for image, class_id in found:
        mine = labels[image] == class_id
        hard = rng.permutation(np.argwhere(mine & (predicted[image] != class_id)))
        easy = rng.permutation(np.argwhere(mine & (predicted[image] == class_id)))
        kept = max(min(len(hard), views // 2), views - len(easy))
        chosen = np.concatenate([hard[:kept], easy[: views - kept]])
        places.append(np.column_stack([np.full(len(chosen), image), chosen]))
        classes += [class_id] * len(chosen)
    pixels = np.concatenate(places).T if places else np.empty((3, 0))
    return pixels.astype(np.int64), np.asarray(classes, np.int64)


def contrastive_loss(
    embedded: torch.Tensor, classes: torch.Tensor, temperature: float, base_temperature: float
) -> torch.Tensor:
    """Supervised InfoNCE: every pixel against the others of its class, and all of other classes as negatives.

    Args:
        embedded: (N, E), of length 1.
        classes: int64 (N,).
        temperature: divides similarities.
        base_temperature: the result is scaled by temperature / base_temperature.

    Returns:
        float scalar, the mean over the pixels that have another one of their class.
    """
    logits = embedded @ embedded.T / temperature  # (N, N)
    logits = logits - logits.amax(dim=1, keepdim=True).detach()
    same = classes[:, None] == classes[None]
    others = same & ~torch.eye(len(classes), dtype=torch.bool, device=classes.device)
    negatives = (logits.exp() * ~same).sum(dim=1, keepdim=True)
    log_probability = logits - (logits.exp() + negatives).log()
    count = others.sum(dim=1)
    mean = (log_probability * others).sum(dim=1) / count.clamp(min=1)
    return -(temperature / base_temperature) * mean.sum() / (count > 0).sum().clamp(min=1)
