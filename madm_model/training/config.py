# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Settings of a training. Without PyTorch: whoever only checks them starts at once, and small."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field

from madm_model.settings import settings

Precision = Literal["float32", "bfloat16", "float16"]
"""Number type of a training's passes."""

POOL_MODALITIES = ("rgb", "thermal", "depth")
"""What pools hold unless told otherwise: one rendered moment gives all three. Event is there for the asking; an edge
frame takes many rendered moments."""


@settings
class OptimizerConfig:
    """Optimiser settings; the defaults are the official ones."""

    learning_rate: Annotated[float, Field(gt=0)] = 5e-6
    """Learning rate of every parameter."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    """Weight decay of all parameters but norms and biases, which have none."""
    gradient_clip: Annotated[float, Field(gt=0)] = 0.01
    """Largest global L2 norm of the gradient."""
    warmup_iterations: Annotated[int, Field(ge=0)] = 28
    """Iterations of linear warm-up, from 0.067 of the learning rate to all of it."""
    steps: tuple[float, ...] = (8889 / 10_000, 9630 / 10_000)
    """Shares of the training after which the learning rate is divided by ten."""

    def __post_init__(self) -> None:
        if list(self.steps) != sorted(self.steps) or not all(0 < step <= 1 for step in self.steps):
            raise ValueError("steps must be rising shares of the training, above 0 and up to 1")


@settings
class FramePoolConfig:
    """Which simulated streets are rendered."""

    first_seed: int
    """Simulator seed of the first street; the others follow."""
    streets: Annotated[int, Field(ge=1)]
    """Number of streets, each a different place at a different time of day."""
    frames_per_street: Annotated[int, Field(ge=1)]
    """Frames of each street, 1.5 s of driving apart."""
    width: Annotated[int, Field(ge=1)] = 320
    """Frame width in pixels."""
    height: Annotated[int, Field(ge=1)] = 240
    """Frame height in pixels."""
    modalities: Annotated[tuple[Literal["rgb", "thermal", "depth", "event"], ...], Field(min_length=1)] = field(
        default=POOL_MODALITIES, repr=False
    )
    """What is kept of each frame besides its labels; not in the text form, as it changes no frame."""
    quiet_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the streets that are quiet ways: `SimulatorConfig.place`."""
    close_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the streets with people right before the camera: `SimulatorConfig.close_people`."""
