# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which versions the gate is tried on, as data."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from madm_model.adaptation.data.source_frames import REPLAY, SIMULATED_STREETS
from madm_model.checkpoint.model_names import EMBEDDED
from madm_model.jobs.gate import GateConfig
from madm_model.settings import read_settings_file, settings
from madm_model.training.config import FramePoolConfig

_Count = Annotated[int, Field(ge=1)]


@settings
class GatePool:
    """Streets of one sensor, and the versions that are made for it. No street is in two pools."""

    name: str
    """Names its folder and its rows of the table."""
    modality: Literal["thermal", "depth", "event"]
    """The sensor."""
    first_seed: int
    """Simulator seed of the first street; the others follow: first those trained on, then the gate's, then the
    truth's."""
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    """Seeds of the trainings; every setting is trained once with each."""
    adapted: str = ""
    """Model folder, or name of an embedded model, towards which and beyond which weights are mixed; empty: none."""
    chooses_limits: bool = False
    """Whether the gate's limits were chosen on it: then its rows are no evidence."""


@settings
class VersionSetting:
    """One way to train a version."""

    name: str
    """Names its versions."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of a job, beside those of all."""
    relabelled: Mapping[str, str] = field(default_factory=dict)
    """Classes of the source that are labelled as another one; empty text: that are not labelled."""


@settings
class GateBenchmarkConfig:
    """Versions are trained for every pool with every setting, some more are made of them by hand, and all are judged.

    Each starts from the base model, which is also the running version that the gate compares with.
    """

    title: str
    """Heading of its section in the document."""
    pools: Annotated[tuple[GatePool, ...], Field(min_length=1)]
    """Sensors and streets."""
    settings: Annotated[tuple[VersionSetting, ...], Field(min_length=1)]
    """How versions are trained."""
    mixtures: tuple[float, ...] = ()
    """Versions made by hand: base + share x (`adapted` - base) of all weights; above 1 beyond the adapted model."""
    shifts: tuple[Mapping[str, float], ...] = ()
    """Versions made by hand of every other one and of the base: what is added to the score of which class."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Options of every job."""
    iterations: _Count = 8
    """Optimiser steps of a training."""
    evaluate_every: _Count = 8
    """Iterations between two versions of a training."""
    base_model: str = EMBEDDED
    """Model folder, or name of an embedded model."""
    height: _Count = 192
    """Rows of the frames that the network sees."""
    width: _Count = 256
    """Their columns."""
    frame_height: _Count = 384
    """Rows of a rendered frame, which is then made as small as the network sees it."""
    frame_width: _Count = 512
    """Its columns."""
    source: FramePoolConfig = field(default_factory=lambda: SIMULATED_STREETS[REPLAY])
    """Streets whose labelled RGB frames are the source."""
    target_streets: _Count = 20
    """Streets of a pool that are trained on, one frame each."""
    gate_streets: _Count = 20
    """Streets that the gate looks at, one frame each."""
    truth_streets: _Count = 40
    """Streets by whose labels a version is truly better or worse, one frame each."""
    gate: GateConfig = field(default_factory=GateConfig)
    """The gate's limits."""
    worse_points: Annotated[float, Field(ge=0)] = 2.0
    """A version is truly worse if it loses more points of IoU (of 100) than this in a protected class."""

    def __post_init__(self) -> None:
        for name in ("pools", "settings"):
            names = [one.name for one in getattr(self, name)]
            if len(set(names)) != len(names):
                raise ValueError(f"{name} has two of one name")
        spans = [range(self.source.first_seed, self.source.first_seed + self.source.streets)]
        spans += [range(pool.first_seed, pool.first_seed + self.streets) for pool in self.pools]
        spans.sort(key=lambda span: span.start)
        if any(first.stop > second.start for first, second in itertools.pairwise(spans)):
            raise ValueError("pools or source share simulator seeds: move first_seed of one of them")

    @property
    def streets(self) -> int:
        """Streets of one pool."""
        return self.target_streets + self.gate_streets + self.truth_streets


def load_gate_config(path: Path) -> GateBenchmarkConfig:
    """Read the YAML file.

    Raises:
        ValueError: the file is no YAML, or a setting in it is unknown or wrong.
        OSError: the file cannot be read.
    """
    return read_settings_file(GateBenchmarkConfig, path)
