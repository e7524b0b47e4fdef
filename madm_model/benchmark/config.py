# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One benchmark as data: what is compared, on which frames, trained how."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from madm_model.adaptation.config import (
    AblationRow,
    Certainty,
    MaskedConsistencyConfig,
    ResourceConfig,
    TeacherConfig,
)
from madm_model.adaptation.data.training_data import ViewConfig
from madm_model.checkpoint.model_names import EMBEDDED
from madm_model.settings import read_settings_file, settings
from madm_model.training.frame_pool import FramePoolConfig
from madm_model.training.optimizer import OptimizerConfig

SIMULATOR, STREET_THERMAL = "simulator", "street_thermal"


@settings
class Streets:
    """Simulated streets by their role; no street has two. Only the modalities that the benchmark needs are rendered."""

    source: FramePoolConfig = field(default_factory=lambda: FramePoolConfig(4_000_000, 60, 6))
    """Streets whose labelled RGB frames are the source."""
    target: FramePoolConfig = field(default_factory=lambda: FramePoolConfig(5_000_000, 60, 6))
    """Streets whose thermal, depth or event frames are the target; their labels are never read."""
    test: FramePoolConfig = field(default_factory=lambda: FramePoolConfig(1_000_000, 40, 2))
    """Unseen streets for the scores; the default are among those of the embedded model's card."""

    def __post_init__(self) -> None:
        pools = {"source": self.source, "target": self.target, "test": self.test}
        spans = {name: range(pool.first_seed, pool.first_seed + pool.streets) for name, pool in pools.items()}
        for first, second in (("source", "test"), ("target", "test"), ("source", "target")):
            a, b = spans[first], spans[second]
            if a.start < b.stop and b.start < a.stop:
                raise ValueError(f"{first} and {second} streets share simulator seeds: move first_seed of one of them")


@settings
class BenchmarkConfig:
    """Every run of a benchmark is one choice out of modalities, rows, seeds and the lists to sweep.

    All runs start from the same weights and take the same number of iterations.
    """

    title: str
    """Heading of its section in the report."""
    task: Literal["simulator", "street_thermal"]
    """Frames and scores: simulated streets, or the folder of real ones that the command is given."""
    iterations: Annotated[int, Field(ge=1)]
    """Optimiser steps of every run."""
    modalities: tuple[Literal["thermal", "depth", "event"], ...] = ("thermal",)
    """Target modalities; rendering an event frame takes several times as long as one of the others."""
    rows: tuple[AblationRow, ...] = tuple(row for row in AblationRow if row is not AblationRow.SOURCE_NORM)
    """Rows of the ablation: source-only, baseline, dplg, lplr, madm; and source-norm, which tells what the norm
    statistics of the target bring by themselves."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of batches, noise steps, mixing, augmentation and dropout; mean and spread are taken over them."""
    noise_steps: tuple[int, ...] = ()
    """Initial diffusion steps T of DPLG to compare (T or T + 1 is drawn); empty: the released one of the modality."""
    noise_periods: tuple[float, ...] = ()
    """DPLG's periods E to compare, as shares of the iterations; empty: the released share of the modality."""
    regression_weights: tuple[float, ...] = ()
    """Weights of LPLR, both branches, to compare; empty: the released ones of the modality."""
    target_frames: tuple[int, ...] = (0,)
    """Numbers of target frames to compare; 0 takes all there are."""
    evaluate_at: tuple[int, ...] = ()
    """Iterations after which a run is scored besides the last one: the points of its curve."""
    base_model: str = EMBEDDED
    """Model folder, or name of the embedded model, that every run starts from, head included. The embedded one has
    been trained on labelled simulated RGB; the paper starts from Stable Diffusion with an untrained head."""
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(2e-4, 0.01, 1.0, 28, (0.7, 0.9)))
    """Learning rate, decay, clipping and schedule; the official ones are for Stable Diffusion, these for `tiny`."""
    teacher: TeacherConfig = field(default_factory=lambda: TeacherConfig(momentum=0.99))
    """Averaging and mode of the teacher."""
    pseudo_threshold: Annotated[float, Field(ge=0, le=1)] = 0.968
    """Softmax probability from which a pseudo-label counts as certain."""
    certainty: Certainty = "image"
    """Weight of pseudo-labels: image (the paper's) or class, as `SelfTrainingConfig.certainty`."""
    certain_share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """With certainty class, the share of the pixels of every class that count as certain."""
    masked_consistency: MaskedConsistencyConfig | None = None
    """A masked pass of the target image beside the mixed one, in all rows with self-training; None: none."""
    logit_adjustment: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Strength of the logit adjustment of all rows, as `AdaptationConfig.logit_adjustment`."""
    logit_prior: Literal["source", "pseudo_labels"] = "source"
    """Whose shares it takes, as `AdaptationConfig.logit_prior`."""
    averaged_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the iterations, the last ones, over which the trained weights are averaged, in all rows."""
    dropout: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Probability of the head's channel dropout."""
    target_norm_batches: Annotated[int, Field(ge=0)] = 0
    """Target batches from which all rows but source-only take the head's BatchNorm statistics in the end."""
    source_norm_batches: Annotated[int, Field(ge=0)] = 0
    """Source batches that count beside them, in all rows."""
    replay_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of street_thermal's source images, the share that is simulated: a job's replay set."""
    sensor_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of street_thermal's source images, the share that a simulated thermal camera took: a job's "sim-sensor"."""
    view: ViewConfig = field(default_factory=lambda: ViewConfig(4, 192, 256))
    """Batch size, crops, Rare Class Sampling and the source's appearance."""
    resources: ResourceConfig = field(default_factory=ResourceConfig)
    """Precision, memory and accumulation."""
    streets: Streets = field(default_factory=Streets)
    """Simulated streets of the task `simulator`."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Processes that prepare batches ahead, which a GPU would wait for; they change no number."""
    checkpoint_every: Annotated[int, Field(ge=1)] = 50
    """Iterations between two checkpoints, which is what a killed run loses at most."""

    def __post_init__(self) -> None:
        if not (self.modalities and self.rows and self.seeds and self.target_frames):
            raise ValueError("modalities, rows, seeds and target_frames need at least one value each")
        if AblationRow.SOURCE_NORM in self.rows and not self.target_norm_batches:
            raise ValueError("the row source-norm needs target_norm_batches: without, it is source-only")
        if self.task == STREET_THERMAL and self.modalities != ("thermal",):
            raise ValueError("the task street_thermal has one modality: thermal")
        if self.task == SIMULATOR and (self.replay_share or self.sensor_share):
            raise ValueError("the task simulator has no replay_share nor sensor_share: all of it is simulated")
        if self.replay_share + self.sensor_share >= 1:
            raise ValueError("replay_share and sensor_share have to leave something of 1 for the folder")
        if not all(1 <= iteration <= self.iterations for iteration in self.evaluate_at):
            raise ValueError(f"evaluate_at has to lie within 1 to {self.iterations} iterations")
        if not all(0 <= step <= 998 for step in self.noise_steps):
            raise ValueError("noise_steps are diffusion steps of 0 to 998")
        if not all(0 < share <= 1 for share in self.noise_periods):
            raise ValueError("noise_periods are shares of the iterations, above 0 and up to 1")
        if any(weight < 0 for weight in self.regression_weights) or any(count < 0 for count in self.target_frames):
            raise ValueError("regression_weights and target_frames must not be negative")
        for name in ("modalities", "rows", "seeds", "noise_steps", "noise_periods", "regression_weights"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ValueError(f"{name} names a value twice")


def load_config(path: Path) -> BenchmarkConfig:
    """Read a benchmark's YAML file.

    Raises:
        ValueError: the file is no YAML, or a setting in it is unknown or wrong.
        OSError: the file cannot be read.
    """
    return read_settings_file(BenchmarkConfig, path)
