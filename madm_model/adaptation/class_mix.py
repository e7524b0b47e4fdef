# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""ClassMix: source pixels of half the classes, pasted onto the target (specification section 13.1).

Olsson et al., "ClassMix", WACV 2021; Tranheden et al., "DACS", WACV 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

ChooseClasses = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Takes the sorted ids of the source labels; gives those to paste."""


class MixedBatch(NamedTuple):
    """What the student sees of the target."""

    images: torch.Tensor
    """(B, 3, H, W)."""
    labels: torch.Tensor
    """int64 (B, H, W): ground truth where pasted from the source, pseudo-labels elsewhere."""
    pixel_weight: torch.Tensor
    """float32 (B, H, W): 1 where pasted from the source, the pseudo-labels' weight elsewhere."""
    pasted_share: float
    """Share of the pixels that come from the source."""
    pasted: torch.Tensor
    """bool (B, H, W): which these are."""


def choose_half(classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the classes, rounded up, at random."""
    return rng.choice(classes, (len(classes) + 1) // 2, replace=False)


def class_mix(
    source_images: torch.Tensor,
    source_labels: torch.Tensor,
    target_images: torch.Tensor,
    target_labels: torch.Tensor,
    weight: torch.Tensor | float,
    rng: np.random.Generator,
    choose: ChooseClasses = choose_half,
) -> MixedBatch:
    """Mix two batches of the same size, image by image.

    The classes are those of all source labels of the batch, 255 included; every image draws its own half.

    Args:
        source_images: (B, 3, H, W).
        source_labels: int64 (B, H, W), class ids or 255.
        target_images: (B, 3, H, W).
        target_labels: int64 (B, H, W), pseudo-labels.
        weight: of the pseudo-labels, float32 (B, H, W) or one for all, 0 to 1.
        rng: decides the classes.
        choose: picks the classes to paste.

    Raises:
        ValueError: source and target differ in size.
    """
    if source_images.shape != target_images.shape:
        raise ValueError(
            f"source images {tuple(source_images.shape)} and target images {tuple(target_images.shape)} "
            "must have one shape to be mixed: crop both to the same size"
        )
    classes = source_labels.unique().cpu().numpy()  # sorted
    pasted = torch.stack(
        [
            torch.isin(labels, torch.as_tensor(choose(classes, rng), device=labels.device, dtype=labels.dtype))
            for labels in source_labels
        ]
    )  # bool (B, H, W)
    return MixedBatch(
        torch.where(pasted[:, None], source_images, target_images),
        torch.where(pasted, source_labels, target_labels),
        torch.where(pasted, 1.0, weight),
        pasted.float().mean().item(),
        pasted,
    )
