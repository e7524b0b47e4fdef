# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The recipe of the embedded model, cut to a few steps: every stage runs, is scored and is not run twice."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial

import pytest
from adaptation_samples import MINIATURE
from rich.console import Console
from typer.testing import CliRunner

from madm_model.architecture import TINY
from madm_model.cli.app import app
from madm_model.model_config import ModelError
from madm_model.segmenter import Segmenter
from madm_model.training import embedded
from madm_model.training.denoising import DenoisingStage
from madm_model.training.embedded import COLOUR_ONLY, EmbeddedRecipe, train_embedded
from madm_model.training.frame_pool import FramePoolConfig
from madm_model.training.supervised import SupervisedStage
from madm_model.training.vae import VAEStage

RECIPE = EmbeddedRecipe(
    vae_iterations=2,
    denoising_iterations=1,
    supervised_iterations=1,
    appearance_iterations=1,
    full_view_iterations=1,
    training_frames=FramePoolConfig(0, 1, 2, 160, 120),
    test_frames=FramePoolConfig(1_000_000, 1, 1, 160, 120, modalities=("rgb", "event")),
)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A narrower network, and fewer and smaller crops: what a stage learns is no matter here."""
    small = {"batch_size": 4, "crop": (32, 48)}
    monkeypatch.setattr(embedded, "TINY", replace(MINIATURE, name=TINY.name))
    monkeypatch.setattr(embedded, "INPUT_SIZE", small["crop"])
    for stage in (VAEStage, DenoisingStage, SupervisedStage):
        monkeypatch.setattr(embedded, stage.__name__, partial(stage, **small))


def test_it_ends_with_a_model_and_its_card_and_a_second_call_trains_nothing_again(tmp_path):
    train_embedded(RECIPE, tmp_path / "work", tmp_path / "model", Console(file=io.StringIO()))
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    assert "| class | rgb | event |" in card
    assert "| mIoU before random appearance |" in card
    assert "supervised 1, random appearance 1 in small crops and 1 in full view" in card
    weights = (tmp_path / "model" / "model.safetensors").read_bytes()
    assert Segmenter.from_folder(tmp_path / "model", device="cpu").config.name == "tiny-rgb"
    colour_only = tmp_path / "work" / COLOUR_ONLY
    assert Segmenter.from_folder(colour_only, device="cpu").config.name == "tiny-colour-only"
    assert (colour_only / "model.safetensors").read_bytes() != weights

    output = io.StringIO()
    train_embedded(RECIPE, tmp_path / "work", tmp_path / "model", Console(file=output, width=200))
    for stage, iterations in (("vae", 2), ("denoising", 1), ("supervised", 1), ("appearance", 1), ("full_view", 1)):
        assert f"{stage}: resuming at iteration {iterations} of {iterations}" in output.getvalue()
    assert (tmp_path / "model" / "model.safetensors").read_bytes() == weights

    other = replace(RECIPE, seed=1, vae_iterations=3)
    with pytest.raises(
        ModelError, match=r"work holds a training of tiny-rgb with another seed, vae_iterations: .*--wo"
    ):
        train_embedded(other, tmp_path / "work", tmp_path / "other", Console(file=io.StringIO()))
    assert not (tmp_path / "other").exists()


def test_checkpoints_of_another_training_are_one_line_of_the_command(tmp_path):
    (tmp_path / "vae.pt").touch()
    result = CliRunner().invoke(app, ["train-embedded", f"--out={tmp_path / 'model'}", f"--work-dir={tmp_path}"])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ") and "with unknown settings" in " ".join(result.stderr.split())
