# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a model gains over another one on pools of streets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from adaptation_samples import CONFIG, MINIATURE
from typer.testing import CliRunner

from madm_model.benchmark import gain
from madm_model.benchmark.gain import Gain, as_markdown
from madm_model.checkpoint.model_folder import save_model
from madm_model.cli.app import app
from madm_model.labels import STREET_11
from madm_model.network.madm import MADM


def _streets(right: list[int]) -> np.ndarray:
    """Of streets with 100 pixels of each of two classes, of which so many are right."""
    counts = np.zeros((len(right), 3, 2), np.int64)
    for matrix, hits in zip(counts, right):
        matrix[0, 0] = matrix[1, 1] = hits
        matrix[2] = 100 - hits
    return counts


def test_pools_and_all_of_them_have_a_row() -> None:
    before, after = (
        np.stack([_streets(pool) for pool in pools]) for pools in (([50, 60], [40, 50]), ([60, 70], [50, 60]))
    )
    lines = as_markdown([Gain("depth", ("a", "b"), (before, after))], "a", "madm benchmark gain b", 2, 1)
    assert "| depth, `b` | from seed 8000000 | 55.0 | 65.0 | +10.0 [10.0, 10.0] |" in lines
    assert "| depth, `b` | from seed 8001000 | 45.0 | 55.0 | +10.0 [10.0, 10.0] |" in lines
    assert "| depth, `b` | **all** | 50.0 | 60.0 | +10.0 [10.0, 10.0] |" in lines


def test_the_command_scores_both_on_the_sensor_of_the_model(tmp_path, monkeypatch) -> None:
    small = gain.FramePoolConfig
    monkeypatch.setattr(gain, "FramePoolConfig", lambda *given, **more: small(*given, width=96, height=64, **more))
    for seed, name in enumerate(("rgb", "depth")):
        torch.manual_seed(seed)
        network = MADM(MINIATURE, len(STREET_11)).eval()
        save_model(tmp_path / name, network, replace(CONFIG, name=name, modality=name), torch.float16)
    options = ["--over", str(tmp_path / "rgb"), "--pools=1", "--streets=2", "--frames=1", "--device=cpu"]
    options += ["--work-dir", str(tmp_path / "work"), "--out", str(tmp_path / "docs.md")]
    result = CliRunner().invoke(app, ["benchmark", "gain", str(tmp_path / "depth"), *options])
    assert result.exit_code == 0, result.output
    text = (tmp_path / "docs.md").read_text()
    assert text.count("| depth, `depth` |") == 2 and "--pools 1 --streets 2 --frames 1`" in text
    assert (tmp_path / "work" / "depth-0" / "depth.npy").exists()


@pytest.mark.parametrize("seed", [gain.FIRST_SEED, gain.FIRST_SEED + gain.POOL_DISTANCE])
def test_no_street_of_the_pools_is_trained_on(seed) -> None:
    from madm_model.adaptation.data.source_frames import SIMULATED_STREETS
    from madm_model.benchmark.config import Streets
    from madm_model.distillation.frames import TARGET_STREETS
    from madm_model.training.embedded import EmbeddedRecipe

    recipe, streets = EmbeddedRecipe(), Streets()
    trained = [recipe.training_frames, streets.source, streets.target, TARGET_STREETS, *SIMULATED_STREETS.values()]
    assert all(seed not in range(pool.first_seed, pool.first_seed + pool.streets) for pool in trained)
