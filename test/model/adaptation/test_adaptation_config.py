# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Presets follow the released code and the paper; ablation rows add one part each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from madm_model.adaptation.config import (
    AblationRow,
    AdaptationConfig,
    AugmentationConfig,
    DPLGConfig,
    LPLRConfig,
    ResourceConfig,
    SelfTrainingConfig,
    TeacherConfig,
    ablation,
    official_config,
    paper_config,
)


@pytest.mark.parametrize(
    ("modality", "steps", "period", "weights"),
    [
        ("depth", (60, 61), 5000, (1.0, 1.0)),
        ("thermal", (50, 51), 8000, (1.0, 1.0)),
        ("event", (50, 51), 8000, (20.0, 0.0)),
    ],
)
def test_released_values(modality, steps, period, weights):
    config = official_config(modality)
    assert config.self_training.dplg == DPLGConfig(steps, period)
    assert (config.lplr.source_weight, config.lplr.target_weight) == weights
    assert config.self_training.pseudo_threshold == 0.968
    assert config.iterations == 10_000
    assert config.optimizer.learning_rate == 5e-6
    assert not config.self_training.teacher.average_unet
    assert config.self_training.teacher.mode == "train"


def test_paper_differs_where_section_18_says():
    event = paper_config("event")
    assert event.lplr == LPLRConfig(10.0, 10.0)
    assert event.self_training.teacher.average_unet
    assert paper_config("depth").lplr == official_config("depth").lplr
    for paper, released in ((event, official_config("event")), (paper_config("depth"), official_config("depth"))):
        assert (paper.self_training.dplg.noise, released.self_training.dplg.noise) == ("sampled", "fixed")
        assert (paper.clean_noise, released.clean_noise) == (False, True)
        assert (paper.train_unet_output, released.train_unet_output) == (True, False)


def test_clean_passes_without_noise_leave_none_for_dplg():
    with pytest.raises(ValueError, match="sampled"):
        AdaptationConfig(clean_noise=False)
    AdaptationConfig(clean_noise=False, self_training=SelfTrainingConfig(dplg=None))
    AdaptationConfig(clean_noise=False, self_training=None)


def test_unknown_modality_names_the_known_ones():
    with pytest.raises(ValueError, match="depth, thermal or event"):
        official_config("radar")


def test_ablation_rows():
    full = official_config("thermal")
    parts = {}
    for row in AblationRow:
        config = ablation(full, row)
        dplg = config.self_training is not None and config.self_training.dplg is not None
        parts[row] = (config.self_training is not None, dplg, config.lplr is not None)
        assert config.optimizer == full.optimizer
        assert config.seed == full.seed
    assert parts == {
        AblationRow.SOURCE_ONLY: (False, False, False),
        AblationRow.SOURCE_NORM: (False, False, False),
        AblationRow.BASELINE: (True, False, False),
        AblationRow.DPLG: (True, True, False),
        AblationRow.LPLR: (True, False, True),
        AblationRow.MADM: (True, True, True),
    }
    assert ablation(full, AblationRow.MADM) == full
    norm = replace(full, target_norm_batches=4)
    taken = {row: ablation(norm, row).target_norm_batches for row in AblationRow}
    assert taken == dict.fromkeys(AblationRow, 4) | {AblationRow.SOURCE_ONLY: 0}


def test_ablation_needs_a_full_configuration():
    with pytest.raises(ValueError, match="starts from"):
        ablation(AdaptationConfig(lplr=None), AblationRow.LPLR)


@pytest.mark.parametrize(
    "make",
    [
        lambda: DPLGConfig((61, 60), 5000),
        lambda: DPLGConfig((60, 1000), 5000),
        lambda: DPLGConfig(noise_period=0),
        lambda: LPLRConfig(-1.0),
        lambda: AugmentationConfig(jitter_probability=1.1),
        lambda: AugmentationConfig(blur_sigma=(0.0, 1.0)),
        lambda: TeacherConfig(mode="test"),
        lambda: SelfTrainingConfig(pseudo_threshold=-0.1),
        lambda: ResourceConfig(precision="int8"),
        lambda: ResourceConfig(accumulation=0),
        lambda: AdaptationConfig(iterations=0),
        lambda: AdaptationConfig(dropout=2.0),
    ],
)
def test_nonsense_is_refused(make):
    with pytest.raises(ValueError):
        make()
