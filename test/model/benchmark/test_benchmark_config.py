# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a benchmark's file may say, and which runs follow from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from madm_model.adaptation.config import AblationRow
from madm_model.benchmark.config import BenchmarkConfig, load_config
from madm_model.benchmark.plan import ANY_MODALITY, plan, select, training_config
from madm_model.training.embedded import COLOUR_ONLY
from madm_model.training.optimizer import OptimizerConfig

FOLDER = Path(__file__).resolve().parents[3] / "config/benchmark"
OTHERS = ("gate", "probe", "probe_tiny")
"""Files of other commands."""
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.stem not in OTHERS)
PAPERS_ROWS = tuple(row for row in AblationRow if row is not AblationRow.SOURCE_NORM)
CONFIG = BenchmarkConfig("Rows", "simulator", iterations=1000, modalities=("thermal", "depth"), seeds=(0, 1))


def _load(tmp_path: Path, text: str) -> BenchmarkConfig:
    path = tmp_path / "benchmark.yaml"
    path.write_text("title: a\ntask: simulator\niterations: 10\n" + text)
    return load_config(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_of_the_project_is_valid(path):
    config = load_config(path)
    for run in plan(config):
        training = training_config(config, run)
        assert (training.iterations, training.seed) == (config.iterations, run.seed)
        assert (training.optimizer, training.resources) == (config.optimizer, config.resources)


def test_sweeps_train_as_the_table_does():
    from_elsewhere = ("colour_only", "lplr_control", "lplr_control_tiny", "denoised_start")
    configs = [load_config(path) for path in FILES if path.stem not in from_elsewhere]
    simulated = [config for config in configs if config.task == "simulator"]
    assert len(simulated) >= 4
    shared = ("iterations", "base_model", "optimizer", "teacher", "pseudo_threshold", "target_norm_batches", "view")
    for name in (*shared, "resources", "streets", "dropout"):
        assert len({repr(getattr(config, name)) for config in simulated}) == 1, name


def test_colour_only_differs_from_the_table_in_its_base_and_how_the_source_is_shown():
    table, colour_only = (load_config(FILES[0].parent / f"{name}.yaml") for name in ("simulator", "colour_only"))
    assert not colour_only.view.source_appearance
    assert colour_only.base_model == str(Path("runs/tiny-rgb") / COLOUR_ONLY)
    chosen = {name: getattr(table, name) for name in ("title", "modalities", "seeds", "base_model")}
    appearance = dataclasses.replace(colour_only.view, source_appearance=True)
    assert dataclasses.replace(colour_only, view=appearance, **chosen) == table


def test_nested_values_are_read(tmp_path):
    config = _load(
        tmp_path,
        "rows: [madm]\nseeds: [3]\noptimizer: {learning_rate: 1, steps: [0.5]}\nresources: {lora: {rank: 4}}\n"
        "streets: {test: {first_seed: 7, streets: 2, frames_per_street: 1}}\n",
    )
    assert config.rows == (AblationRow.MADM,)
    assert config.optimizer == OptimizerConfig(learning_rate=1.0, steps=(0.5,))
    assert config.resources.lora is not None and config.resources.lora.rank == 4
    assert config.streets.test.first_seed == 7


@pytest.mark.parametrize(
    "text, message",
    [
        ("rows: [all]", "rows.0 is 'all': it has to be 'source-only'"),
        ("seeds: 3", "seeds is 3: it has to be a list"),
        ("seeds: []", "at least one value"),
        ("seeds: [1, 1]", "seeds names a value twice"),
        ("lr: 1", "unknown setting 'lr'"),
        ("optimizer: {lr: 1}", "unknown setting 'optimizer.lr'"),
        ("optimizer: {learning_rate: fast}", "optimizer.learning_rate is 'fast': it has to be a valid number"),
        ("optimizer: {learning_rate: 0}", "optimizer.learning_rate is 0: it has to be greater than 0"),
        ("checkpoint_every: true", "checkpoint_every is True: it has to be a valid integer"),
        ("evaluate_at: [11]", "evaluate_at has to lie within 1 to 10"),
        ("noise_periods: [1.5]", "noise_periods are shares"),
        ("streets: {test: {streets: 1, frames_per_street: 1}}", "setting 'streets.test.first_seed' is missing"),
        ("streets: {test: {first_seed: 4000059, streets: 1, frames_per_street: 1}}", "source and test streets share"),
        ("rows: [", "not valid YAML"),
        ("modalities: [radar]", "modalities.0 is 'radar'"),
    ],
)
def test_wrong_settings_are_named(tmp_path, text, message):
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        _load(tmp_path, text)


def test_a_training_without_target_is_one_run_for_all_modalities():
    runs = plan(CONFIG)
    assert len(runs) == 2 * (1 + 2 * 4)
    assert [run.modality for run in runs if run.row is AblationRow.SOURCE_ONLY] == [ANY_MODALITY] * 2
    assert len({run.name for run in runs}) == len(runs)
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)


def test_a_row_keeps_what_it_is_made_of():
    runs = {(run.modality, run.row): training_config(CONFIG, run) for run in plan(CONFIG) if run.seed == 1}
    madm, depth = runs["thermal", AblationRow.MADM], runs["depth", AblationRow.DPLG]
    assert madm.self_training is not None and madm.self_training.dplg is not None and madm.lplr is not None
    # the released noise steps, and the released share of the iterations as the period
    assert (madm.self_training.dplg.initial_steps, madm.self_training.dplg.noise_period) == ((50, 51), 800)
    assert depth.self_training is not None and depth.self_training.dplg is not None and depth.lplr is None
    assert (depth.self_training.dplg.initial_steps, depth.self_training.dplg.noise_period) == ((60, 61), 500)
    lplr = runs["depth", AblationRow.LPLR]
    assert lplr.lplr is not None and lplr.self_training is not None and lplr.self_training.dplg is None
    source_only = runs[ANY_MODALITY, AblationRow.SOURCE_ONLY]
    assert source_only.self_training is None and source_only.lplr is None
    assert {config.seed for config in runs.values()} == {1}


def test_event_trains_as_released():
    config = dataclasses.replace(CONFIG, modalities=("event",), seeds=(0,))
    runs = {run.row: training_config(config, run) for run in plan(config)}
    madm, lplr = runs[AblationRow.MADM], runs[AblationRow.LPLR]
    assert madm.self_training is not None and madm.self_training.dplg is not None and madm.lplr is not None
    assert (madm.self_training.dplg.initial_steps, madm.self_training.dplg.noise_period) == ((50, 51), 800)
    # the source's labels only, with weight 20
    assert (madm.lplr.source_weight, madm.lplr.target_weight) == (20.0, 0.0)
    assert lplr.lplr == madm.lplr


def test_masked_consistency_is_of_all_rows_with_self_training(tmp_path):
    config = _load(tmp_path, "masked_consistency: {weight: 0.5}\nseeds: [0]\n")
    parts = {run.row: training_config(config, run).self_training for run in plan(config)}
    weights = {row: part.masked_consistency.weight for row, part in parts.items() if part and part.masked_consistency}
    assert weights == {row: 0.5 for row in PAPERS_ROWS if row is not AblationRow.SOURCE_ONLY}


def test_a_sweep_varies_only_rows_that_use_it():
    config = dataclasses.replace(
        CONFIG, modalities=("depth",), seeds=(0,), noise_steps=(40, 80), noise_periods=(0.2, 0.8)
    )
    runs = plan(dataclasses.replace(config, regression_weights=(1.0, 10.0)))
    count = {row: sum(run.row is row for run in runs) for row in PAPERS_ROWS}
    assert list(count.values()) == [1, 1, 4, 2, 8]
    madm = training_config(config, next(run for run in runs if run.name == "depth-madm-T80-E0.2-w10-seed0"))
    assert madm.self_training is not None and madm.self_training.dplg is not None and madm.lplr is not None
    assert madm.self_training.dplg.initial_steps == (80, 81)
    assert madm.self_training.dplg.noise_period == 200
    assert (madm.lplr.source_weight, madm.lplr.target_weight) == (10.0, 10.0)


def test_runs_are_chosen_by_name():
    runs = plan(CONFIG)
    assert {run.modality for run in select(runs, ["depth-madm", "depth-lplr"])} == {"depth"}
    assert len(select(runs, ["depth-madm", "depth-lplr"])) == 4
    with pytest.raises(ValueError, match="--only radar fits no run"):
        select(runs, ["radar"])


def test_a_row_of_its_own_tells_what_norm_statistics_bring(tmp_path):
    config = _load(
        tmp_path, "rows: [source-only, source-norm]\ntarget_norm_batches: 4\nseeds: [0]\nmodalities: [depth]\n"
    )
    only, norm = plan(config)
    assert (only.modality, norm.name) == (ANY_MODALITY, "depth-source-norm-seed0")
    trained = training_config(config, norm)
    assert trained == dataclasses.replace(training_config(config, only), target_norm_batches=4)
    with pytest.raises(ValueError, match="the row source-norm needs target_norm_batches"):
        _load(tmp_path, "rows: [source-norm]\n")
