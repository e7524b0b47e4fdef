# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The gate's benchmark with a network of a moment: made, cut short, gone on with, judged; and rates by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from adaptation_samples import CONFIG as MODEL
from adaptation_samples import MINIATURE
from typer.testing import CliRunner

from madm_model.benchmark.gate import predictions
from madm_model.benchmark.gate.config import GateBenchmarkConfig, GatePool, VersionSetting, load_gate_config
from madm_model.benchmark.gate.predictions import Origin, Predictions
from madm_model.benchmark.gate.verdicts import Rates, choose_limits, make_trial, rates
from madm_model.checkpoint.model_folder import save_model
from madm_model.cli.app import app
from madm_model.jobs.gate import GateConfig
from madm_model.labels import STREET_11
from madm_model.network.madm import MADM

ROOT = Path(__file__).resolve().parents[4]
PERSON, ROAD = (STREET_11.names.index(name) for name in ("person", "road"))
CONFIG = """
title: Gates
pools:
  - {{name: a, modality: thermal, first_seed: 50, seeds: [0], adapted: "{base}", chooses_limits: true}}
  - {{name: b, modality: depth, first_seed: 60, seeds: [1]}}
settings: [{{name: plain, relabelled: {{person: building, pole: ""}}}}]
mixtures: [1.5]
shifts: [{{person: 90.0}}]
options: {{batch_size: "1", crop_height: "32", crop_width: "32"}}
iterations: 2
evaluate_every: 1
base_model: "{base}"
height: 32
width: 64
frame_height: 48
frame_width: 96
source: {{first_seed: 10, streets: 3, frames_per_street: 1, width: 96, height: 48}}
target_streets: 1
gate_streets: 2
truth_streets: 2
gate: {{fewest_regions: 1}}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("gate")
    base = folder / "base"
    save_model(base, MADM(MINIATURE, len(STREET_11)).eval(), replace(MODEL, input_size=(32, 64)), torch.float16)
    file = folder / "gates.yaml"
    file.write_text(CONFIG.format(base=base))
    return file


def run(config: Path, *more: str) -> str:
    given = ["benchmark", "gate", str(config), "--work-dir", str(config.parent / "work"), "--device=cpu", *more]
    result = CliRunner().invoke(app, [*given, "--out", str(config.parent / "docs.md")])
    assert result.exit_code == 0, result.output
    return result.output


def test_versions_are_made_once_and_judged(config) -> None:
    first = run(config, "--max-minutes=0.00001")
    assert "a: base-person+90" in first
    assert "b: base" not in first
    assert "the same command goes on" in first
    second = run(config, "--choose")
    for made in (
        "b: base",
        "a: plain-seed0-1",
        "a: plain-seed0-2-person+90",
        "b: plain-seed1-2",
        "b: base-person+90",
        "a: mixed1.5",
    ):
        assert made in second
    assert "limits: pixel_ratio: " in second
    assert "a: " not in run(config)  # all of it is there

    folder = config.parent / "work" / "a" / "versions"
    trained, shifted = (predictions.read(folder, f"plain-seed0-2{more}")[1] for more in ("", "-person+90"))
    assert (shifted.labels == PERSON).all()
    assert not (trained.labels == PERSON).all()
    assert trained.labels.shape == trained.ensemble.shape == (2, 32, 64)
    assert shifted.truth[:, PERSON, 1].tolist() == [32 * 64] * 2
    text = (config.parent / "docs.md").read_text()
    assert "| **a (limits were chosen on it)** | 7 |" in text
    assert "| b: trained | 2 |" in text
    assert "| **all pools that limits were not chosen on** | 5 |" in text


def test_a_table_of_nothing_is_not_written(config, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["benchmark", "gate", str(config), "--tables-only", "--device=cpu"])
    assert result.exit_code == 1
    assert "no version has been made in runs/benchmark/gates" in " ".join(result.output.split())
    assert not (tmp_path / "docs").exists()


def test_the_benchmark_of_the_documents_can_be_read() -> None:
    assert len(load_gate_config(ROOT / "config/benchmark/gate.yaml").pools) == 3


def test_streets_of_two_pools_must_not_overlap() -> None:
    pools = tuple(GatePool(name, "thermal", seed, (0,)) for name, seed in (("a", 0), ("b", 79)))
    with pytest.raises(ValueError, match="share simulator seeds"):
        GateBenchmarkConfig("x", pools, (VersionSetting("plain"),))


def said(persons: int, road: int = 0) -> Predictions:
    """Of frames whose left half shows persons in truth: so many of ten columns are labelled as such."""
    labels = np.full((4, 20, 20), 1, np.uint8)
    labels[:, :, :persons] = PERSON
    labels[:, :, 20 - road :] = ROAD
    truth = np.full((20, 20), 1, np.uint8)
    truth[:, :10] = PERSON
    counts = np.stack([predictions.class_counts(one, truth, 11) for one in labels])
    return Predictions(labels, np.full_like(labels, 255), labels[:1], counts, np.zeros(0, np.uint8))


def trial(persons: int, running: int = 8, road: int = 0):
    config = GateConfig(fewest_regions=1)
    version = Origin(str(persons), "trained", "x"), said(persons, road)
    return make_trial("a", said(running), version, [], config, 2.0)


def test_truth_says_which_version_is_worse() -> None:
    worse, better, other = trial(4), trial(10), trial(8, road=5)
    assert worse.changes == {"person": pytest.approx(-40)}
    assert (worse.is_worse, worse.is_better) == (True, False)
    assert (better.is_worse, better.is_better) == (False, True)
    assert (other.is_worse, other.is_better) == (False, False)


def test_a_drop_that_streets_do_not_agree_on_is_no_sure_one() -> None:
    running, new = said(8), said(8)
    new.truth[0] = said(0).truth[0]
    version = Origin("x", "trained", "x"), new
    doubtful = make_trial("a", running, version, [], GateConfig(fewest_regions=1), 2.0)
    assert doubtful.changes["person"] == pytest.approx(-20)
    assert not doubtful.is_worse


def test_rates_and_the_limits_that_make_them_low() -> None:
    trials = [trial(4), trial(6), trial(10), trial(9), trial(8, road=5)]
    nothing = {"pixel_ratio": 0.0, "region_ratio": 0.0, "size_ratio": 0.0, "kept_share": 0.0, "found_share": 0.0}
    loose = replace(GateConfig(fewest_regions=1, class_ratio=0.0), **nothing)
    assert rates(trials, loose) == Rates(2, 2, 2, 0, 1, 0)
    strict = replace(loose, pixel_ratio=0.6, pixel_growth=1.15)
    assert rates(trials, strict) == Rates(2, 1, 2, 1, 1, 0)
    assert rates(trials, replace(strict, protect=())) == Rates(2, 2, 2, 0, 1, 0)
    chosen = choose_limits(trials, strict)
    assert rates(trials, chosen) == Rates(2, 0, 2, 0, 1, 0)
