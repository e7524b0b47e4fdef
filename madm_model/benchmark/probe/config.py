# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One probe as data."""

from __future__ import annotations

from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from madm_model.adaptation.config import AdaptationConfig, ResourceConfig, SelfTrainingConfig, TeacherConfig
from madm_model.adaptation.data.training_data import ViewConfig
from madm_model.benchmark.config import Streets
from madm_model.checkpoint.model_names import EMBEDDED
from madm_model.settings import read_settings_file, settings
from madm_model.training.config import FramePoolConfig, OptimizerConfig

_Count = Annotated[int, Field(ge=1)]
_Step = Annotated[int, Field(ge=0, le=999)]

Start = Literal["denoised", "untrained"]
"""What self-training starts from: a UNet that has learned to denoise, or one with fresh weights."""


def _small_frames() -> Streets:
    pools = ((4_000_000, 60, 6), (5_000_000, 60, 6), (1_000_000, 40, 2))
    return Streets(*(FramePoolConfig(*pool, width=256, height=192) for pool in pools))


@settings
class DenoisingConfig:
    """Denoising pre-training on the unlabelled frames of source and target, all modalities alike."""

    iterations: _Count = 10_000
    """Optimiser steps."""
    batch_size: _Count = 32
    """Latents in a step, shared evenly by the modalities."""
    views: _Count = 4
    """Random views of every frame; their latents are computed once."""
    noise_steps: Annotated[tuple[_Step, ...], Field(min_length=1)] = (0, 1, 50, 100, 200, 500)
    """Diffusion steps at which the noise prediction is scored on unseen frames."""
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(5e-4, 0.01, 1.0, 200, (0.7, 0.9)))
    """Learning rate, decay, clipping and schedule."""
    checkpoint_every: _Count = 2500
    """Iterations between two checkpoints."""
    crop: tuple[_Count, _Count] | None = None
    """Height and width of a view in pixels; None: those of self-training's crops."""


@settings
class ProbeConfig:
    """A network learns to denoise, then labels a target it has never had labels of, under noise of several steps."""

    title: str
    """Heading of its section in the report."""
    architecture: Literal["", "tiny", "small"] = "small"
    """Size of the UNet and of what MADM adds to it: tiny for a CPU, small for a GPU; empty: that of the base model."""
    base_model: str = EMBEDDED
    """Model folder, or name of an embedded model, whose autoencoder and classes are used, and nothing else of it."""
    modalities: Annotated[tuple[Literal["thermal", "depth", "event"], ...], Field(min_length=1)] = (
        *("thermal", "depth", "event"),
    )
    """Target modalities; the UNet learns to denoise them and colour."""
    starts: Annotated[tuple[Start, ...], Field(min_length=1)] = ("denoised", "untrained")
    """What self-training starts from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seeds weights, batches and noise."""
    streets: Streets = field(default_factory=_small_frames)
    """Simulated streets by their role; the network sees their frames in the size they are rendered in."""
    denoising: DenoisingConfig = field(default_factory=DenoisingConfig)
    """The first training."""
    iterations: _Count = 600
    """Optimiser steps of self-training: the baseline, without DPLG and LPLR."""
    score_at: tuple[Annotated[int, Field(ge=0)], ...] = (0, 150, 300)
    """Iterations after which the teacher is scored besides the last one."""
    noise_steps: Annotated[tuple[_Step, ...], Field(min_length=2)] = (0, 25, 50, 100, 150, 200)
    """Diffusion steps of the noise under which the teacher labels the unseen frames; the first has to be 0."""
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(3e-4, 0.01, 1.0, 28, (0.7, 0.9)))
    """Learning rate, decay, clipping and schedule of self-training."""
    teacher: TeacherConfig = field(default_factory=lambda: TeacherConfig(momentum=0.99, average_unet=True))
    """Averaging and mode of the teacher."""
    pseudo_threshold: Annotated[float, Field(ge=0, le=1)] = 0.968
    """Softmax probability from which a pseudo-label counts as certain."""
    dropout: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Probability of the head's channel dropout."""
    view: ViewConfig = field(default_factory=lambda: ViewConfig(8, 192, 256))
    """Batch size and crops of self-training, and Rare Class Sampling; magnifications of the denoising's views, too."""
    resources: ResourceConfig = field(default_factory=lambda: ResourceConfig(precision="bfloat16"))
    """Precision of both trainings, and the rest of self-training's cost."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that prepare the batches of self-training ahead."""
    checkpoint_every: _Count = 200
    """Iterations of self-training between two checkpoints."""

    def __post_init__(self) -> None:
        for name in ("modalities", "starts", "noise_steps"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} names a value twice")
        if self.noise_steps[0] != 0:
            raise ValueError("noise_steps has to begin with 0, which the others are compared with")
        if any(iteration > self.iterations for iteration in self.score_at):
            raise ValueError(f"score_at has to lie within 0 to {self.iterations} iterations")
        if self.denoising.batch_size % (1 + len(self.modalities)):
            raise ValueError(
                f"denoising.batch_size has to be a multiple of {1 + len(self.modalities)}: as many of each modality, "
                "colour among them"
            )
        sizes = {(pool.height, pool.width) for pool in (self.streets.source, self.streets.target, self.streets.test)}
        if len(sizes) != 1:
            raise ValueError("the frames of all streets have to be of one size")

    @property
    def denoising_view(self) -> ViewConfig:
        """What of a frame denoising sees."""
        height, width = self.denoising.crop or self.view.crop
        return replace(self.view, crop_height=height, crop_width=width)

    def self_training(self) -> AdaptationConfig:
        """The baseline: neither DPLG nor LPLR."""
        return AdaptationConfig(
            iterations=self.iterations,
            seed=self.seed,
            dropout=self.dropout,
            self_training=SelfTrainingConfig(self.pseudo_threshold, dplg=None, teacher=self.teacher),
            lplr=None,
            optimizer=self.optimizer,
            resources=self.resources,
        )


def load_probe_config(path: Path) -> ProbeConfig:
    """Read the YAML file.

    Raises:
        ValueError: the file is no YAML, or a setting in it is unknown or wrong.
        OSError: the file cannot be read.
    """
    return read_settings_file(ProbeConfig, path)
