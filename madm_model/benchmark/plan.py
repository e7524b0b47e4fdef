# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which runs a benchmark consists of, and how each of them trains."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from madm_model.adaptation.config import (
    AblationRow,
    AdaptationConfig,
    DPLGConfig,
    LPLRConfig,
    SelfTrainingConfig,
    ablation,
    official_config,
)
from madm_model.benchmark.config import BenchmarkConfig

ANY_MODALITY = "any"
"""Target of a run without target: what it learns does not depend on it, so one run is scored on all modalities."""


@dataclass(frozen=True)
class Run:
    """One training of a benchmark. What the row does not use is None, so that equal trainings are one run."""

    row: AblationRow
    """Which parts of the method take place."""
    modality: str
    """thermal, depth, event or `ANY_MODALITY`."""
    seed: int
    """Seed of the training."""
    target_frames: int | None = None
    """Target frames to train on; 0 for all."""
    noise_step: int | None = None
    """Initial diffusion step T of DPLG."""
    noise_period: float | None = None
    """Period E of DPLG as a share of the iterations."""
    regression_weight: float | None = None
    """Weight of both branches of LPLR; None with LPLR: the released weights."""

    @property
    def name(self) -> str:
        """Name of its folder: everything that tells it from other runs of the benchmark."""
        parts = [self.modality, self.row.value]
        if self.target_frames:
            parts.append(f"frames{self.target_frames}")
        if self.noise_step is not None:
            parts.append(f"T{self.noise_step}-E{self.noise_period:g}")
        if self.regression_weight is not None:
            parts.append(f"w{self.regression_weight:g}")
        return "-".join([*parts, f"seed{self.seed}"])


def plan(config: BenchmarkConfig) -> list[Run]:
    """All runs, seed by seed, so that a benchmark cut short has whole tables of fewer seeds."""
    choices = itertools.product(
        config.seeds,
        config.modalities,
        config.rows,
        config.target_frames,
        config.noise_steps or (None,),
        config.noise_periods or (None,),
        config.regression_weights or (None,),
    )
    return list(dict.fromkeys(_run(*choice) for choice in choices))


def _run(
    seed: int,
    modality: str,
    row: AblationRow,
    target_frames: int,
    noise_step: int | None,
    noise_period: float | None,
    regression_weight: float | None,
) -> Run:
    if row is AblationRow.SOURCE_ONLY:
        return Run(row, ANY_MODALITY, seed)
    run = Run(row, modality, seed, target_frames)
    if row in (AblationRow.DPLG, AblationRow.MADM):
        official = official_config(modality)
        dplg = _dplg(official)
        share = dplg.noise_period / official.iterations
        run = replace(
            run,
            noise_step=dplg.initial_steps[0] if noise_step is None else noise_step,
            noise_period=share if noise_period is None else noise_period,
        )
    if row in (AblationRow.LPLR, AblationRow.MADM):
        run = replace(run, regression_weight=regression_weight)
    return run


def _dplg(config: AdaptationConfig) -> DPLGConfig:
    assert config.self_training is not None and config.self_training.dplg is not None
    return config.self_training.dplg


def training_config(config: BenchmarkConfig, run: Run) -> AdaptationConfig:
    """How one run trains."""
    dplg = DPLGConfig()
    if run.noise_step is not None and run.noise_period is not None:
        period = max(1, round(run.noise_period * config.iterations))
        dplg = DPLGConfig((run.noise_step, run.noise_step + 1), period)
    if run.regression_weight is not None:
        lplr: LPLRConfig | None = LPLRConfig(run.regression_weight, run.regression_weight)
    else:
        lplr = LPLRConfig() if run.modality == ANY_MODALITY else official_config(run.modality).lplr
    full = AdaptationConfig(
        iterations=config.iterations,
        seed=run.seed,
        dropout=config.dropout,
        self_training=SelfTrainingConfig(
            config.pseudo_threshold,
            config.certainty,
            config.certain_share,
            dplg,
            teacher=config.teacher,
            masked_consistency=config.masked_consistency,
        ),
        logit_adjustment=config.logit_adjustment,
        logit_prior=config.logit_prior,
        lplr=lplr,
        optimizer=config.optimizer,
        averaged_share=config.averaged_share,
        target_norm_batches=config.target_norm_batches,
        source_norm_batches=config.source_norm_batches,
        resources=config.resources,
    )
    return ablation(full, run.row)


def select(runs: Sequence[Run], only: Sequence[str]) -> list[Run]:
    """Runs whose name contains one of the given texts; all without any.

    Raises:
        ValueError: a text fits no run.
    """
    for text in only:
        if not any(text in run.name for run in runs):
            raise ValueError(f"--only {text} fits no run; the runs are {', '.join(run.name for run in runs)}")
    return [run for run in runs if not only or any(text in run.name for text in only)]
