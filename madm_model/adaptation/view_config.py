# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What of a frame the network sees in training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from madm_model.architecture import Architecture
from madm_model.settings import settings
from madm_model.students.architecture import StudentArchitecture
from madm_model.training.appearance import AppearanceConfig


@settings
class ViewConfig:
    """What of a frame the network sees in training."""

    batch_size: Annotated[int, Field(ge=1)] = 1
    """Images of the source, and as many of the target, in one batch."""
    crop_height: int = 512
    """Rows of a crop, a multiple of the architecture's `size_multiple`."""
    crop_width: int = 512
    """Columns of a crop, likewise."""
    min_scale: Annotated[float, Field(gt=0)] = 0.8
    """Smallest magnification of a frame against how the network sees it live."""
    max_scale: float = 1.6
    """Largest magnification."""
    rare_classes: bool = True
    """Draw source images of rare classes more often (Rare Class Sampling)."""
    source_appearance: bool = False
    """Show the source in random tones and as edges most of the time, as the embedded model was trained; officially
    it is shown as it is."""

    def __post_init__(self) -> None:
        if self.min_scale > self.max_scale:
            raise ValueError("min_scale and max_scale have to be a rising pair")

    def check(self, architecture: Architecture | StudentArchitecture) -> None:
        """Whether an architecture can take the crops.

        Raises:
            ValueError: it cannot.
        """
        multiple = architecture.size_multiple
        if self.crop_height % multiple or self.crop_width % multiple or min(self.crop_height, self.crop_width) < 1:
            raise ValueError(f"crop_height and crop_width must be multiples of {multiple}")

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width of a crop."""
        return self.crop_height, self.crop_width

    def magnifications(self, live: float) -> tuple[float, float]:
        """Smallest and largest magnification of a frame that the network sees magnified by `live`."""
        return self.min_scale * live, self.max_scale * live

    @property
    def appearance(self) -> AppearanceConfig | None:
        """How the source is shown; None shows it as it is."""
        return AppearanceConfig() if self.source_appearance else None
