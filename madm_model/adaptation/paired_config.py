# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A colour camera beside the sensor, as a second teacher."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from madm_model.checkpoint.model_names import EMBEDDED
from madm_model.io.frames import InputError
from madm_model.labels import CITYSCAPES_19, CITYSCAPES_TRAIN_IDS, IGNORE, LabelSet, translation_table
from madm_model.settings import settings

_Share = Annotated[float, Field(ge=0, le=1)]


@settings
class PairedConfig:
    """A colour camera beside the sensor: a model's labels of its images join the pseudo-labels where they are
    trusted."""

    paired_topic: str = ""
    """Topic of colour images of the same view in the same recordings; empty: none."""
    paired_tolerance: Annotated[float, Field(gt=0, le=10)] = 0.05
    """Seconds between a frame and its paired image at most. A frame without one is trained on without."""
    paired_homography: tuple[float, ...] = ()
    """Nine numbers, row by row, of the 3x3 matrix that brings pixels (x, y, 1) of the paired image to those of the
    sensor's; empty: both show the same view, whatever their sizes."""
    paired_model: str = EMBEDDED
    """What labels the paired images: an embedded model's name or a model folder."""
    paired_confidence: _Share = 0.7
    """A label counts where its probability, times the brightness's weight, is at least this."""
    paired_dark: _Share = 0.1
    """Brightness around a pixel, 1 for white, up to which its label says nothing."""
    paired_bright: _Share = 0.3
    """Brightness from which it has its whole weight; in between the weight rises evenly."""
    paired_by_day: tuple[str, ...] = ("person",)
    """Classes that only images of day (`paired_day`) give and take away: a colour camera does not see them by night."""
    paired_day: _Share = 0.2
    """Mean brightness from which an image is one of day."""

    def __post_init__(self) -> None:
        if self.paired_dark >= self.paired_bright:
            raise ValueError("paired_dark and paired_bright have to be a rising pair")
        if self.paired_homography:
            if len(self.paired_homography) != 9:
                raise ValueError(f"paired_homography has nine numbers, row by row, not {len(self.paired_homography)}")
            matrix = np.reshape(self.paired_homography, (3, 3))
            if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
                raise ValueError("paired_homography cannot be inverted: it brings the image onto a line")


def paired_classes(of_pair: LabelSet, label_set: LabelSet) -> np.ndarray:
    """A lookup table from the classes of the paired model, Cityscapes' own among them, to those of the adapted one.

    Args:
        of_pair: of the paired model.
        label_set: of the model that is adapted.

    Returns:
        uint8 (256,); `IGNORE` for a class that the adapted model lacks.

    Raises:
        InputError: it has none of them.
    """
    names = CITYSCAPES_TRAIN_IDS if of_pair.names == CITYSCAPES_19.names else of_pair.names
    table = translation_table(names, label_set)
    if (table == IGNORE).all():
        raise InputError(
            f"the paired model's classes ({', '.join(of_pair.names)}) are none of the model's: choose another "
            "paired_model"
        )
    return table
