# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The probe with a network of a moment: ended by its limit, gone on with, written up; and what it measures, by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from adaptation_samples import CONFIG as MODEL
from adaptation_samples import MINIATURE
from typer.testing import CliRunner

from madm_model.architecture import SMALL, TINY
from madm_model.benchmark.probe import probe, scores
from madm_model.benchmark.probe.config import DenoisingConfig, ProbeConfig, load_probe_config
from madm_model.benchmark.probe.table import verdict, write_table
from madm_model.checkpoint.model_folder import load_model, save_model
from madm_model.cli.app import app
from madm_model.labels import STREET_11
from madm_model.network.madm import MADM
from madm_model.training.denoising import LatentPool

ROOT = Path(__file__).resolve().parents[4]
CONFIG = """
title: Probe
architecture: ""
base_model: "{base}"
modalities: [thermal]
denoising: {{iterations: 3, batch_size: 4, views: 1, noise_steps: [0, 50], crop: [32, 32]}}
iterations: 2
score_at: [0]
teacher: {{average_unet: false}}
noise_steps: [0, 50]
view: {{batch_size: 2, crop_height: 32, crop_width: 48}}
resources: {{precision: float32}}
workers: 1
streets:
  source: {{first_seed: 10, streets: 1, frames_per_street: 2, width: 96, height: 64}}
  target: {{first_seed: 20, streets: 1, frames_per_street: 2, width: 96, height: 64}}
  test: {{first_seed: 30, streets: 2, frames_per_street: 1, width: 96, height: 64}}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("probe")
    save_model(folder / "base", MADM(MINIATURE, len(STREET_11)).eval(), MODEL, torch.float16)
    file = folder / "probe.yaml"
    file.write_text(CONFIG.format(base=folder / "base"))
    return file


def run(config: Path, *more: str):
    given = ["benchmark", "probe", str(config), "--work-dir", str(config.parent / "work"), "--device=cpu", *more]
    return CliRunner().invoke(app, [*given, "--out", str(config.parent / "docs.md")])


def test_a_probe_ended_by_its_limit_then_the_rest(config, monkeypatch) -> None:
    latents = []

    class SpiedPool(LatentPool):
        def draw(self, rng, count):
            latents.append(super().draw(rng, count))
            return latents[-1]

    monkeypatch.setattr(probe, "LatentPool", SpiedPool)
    folder, document = config.parent / "work", config.parent / "docs.md"
    assert run(config, "--tables-only").exit_code == 0
    assert "Not measured yet." in document.read_text()

    first = run(config, "--only", "denoised", "--denoising-minutes=0.000001", "--minutes=0.000001")
    assert first.exit_code == 0, first.output
    text = document.read_text()
    assert "after 1 of 3 iterations of denoising, stopped by the limit" in text
    assert "batch 4 of 32x32" in text
    assert latents[0].shape == (4, 4, 16, 16)  # of the views of denoising, which are not those of self-training
    assert "| thermal, learned to denoise | 1 of 2, stopped by the limit |" in text
    assert "| thermal, fresh weights | missing |" in text
    network, model = load_model(folder / "denoising" / "model")
    assert model.architecture == MINIATURE
    base = load_model(config.parent / "base")[0]
    assert torch.equal(network.vae.quant_conv.weight, base.vae.quant_conv.weight)
    assert not torch.equal(network.unet.conv_in.weight, base.unet.conv_in.weight)

    rest = run(config)
    assert rest.exit_code == 0, rest.output
    assert "denoising iteration" not in rest.output and "denoised-thermal" not in rest.output  # both are done
    results = json.loads((folder / "results.json").read_text())
    points = results["cases"]["untrained-thermal"]["points"]
    assert [point["iteration"] for point in points] == [0, 2]
    assert set(points[0]["scores"]) == {"0", "50", "rgb"}
    assert not list(folder.glob("*/*.pt"))
    assert "| missing |" not in document.read_text()


def test_a_folder_of_other_settings_is_refused(config) -> None:
    run(config, "--tables-only")
    config.write_text(config.read_text().replace("iterations: 2\n", "iterations: 4\n"))
    changed = run(config)
    config.write_text(config.read_text().replace("iterations: 4\n", "iterations: 2\n"))
    assert changed.exit_code == 1 and "was made with another iterations" in " ".join(changed.output.split())


def test_views_that_do_not_fit_the_network_are_refused(config, tmp_path) -> None:
    file = tmp_path / "probe.yaml"
    file.write_text(config.read_text().replace("crop: [32, 32]", "crop: [32, 33]"))
    wrong = run(file)
    assert wrong.exit_code == 1 and "must be multiples of" in wrong.output


def test_an_only_that_fits_nothing_is_named(config) -> None:
    wrong = run(config, "--only", "radar")
    assert wrong.exit_code == 1 and "--only radar fits none of denoised-thermal" in wrong.output


@pytest.mark.parametrize("name", ["probe", "probe_tiny"])
def test_the_probes_of_the_documents_can_be_read(name) -> None:
    assert load_probe_config(ROOT / f"config/benchmark/{name}.yaml").noise_steps == (0, 25, 50, 100, 150, 200)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"noise_steps": (25, 50)}, "begin with 0"),
        ({"score_at": (700,)}, "within 0 to 600"),
        ({"modalities": ("thermal", "thermal")}, "twice"),
        ({"modalities": ("thermal", "depth")}, "multiple of 3"),
    ],
)
def test_wrong_settings_are_named(changes, message) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ProbeConfig("x"), **changes)


def test_the_network_for_a_gpu_can_be_built() -> None:
    with torch.device("meta"):
        network = MADM(SMALL, len(STREET_11))
    assert 50e6 < sum(parameter.numel() for parameter in network.parameters()) < 100e6
    tiny = TINY.to_dict()
    assert all(tiny[name] == value for name, value in SMALL.to_dict().items() if name.startswith("vae_"))


def test_scores_of_the_noise_prediction(monkeypatch) -> None:
    latents = torch.zeros(20, 4, 8, 8)
    answers = {"nothing": lambda noise: 0 * noise, "all": lambda noise: noise, "half": lambda noise: 0.5 * noise}
    found = {}
    for name, answer in answers.items():
        monkeypatch.setattr(
            scores, "predict_noise", lambda _network, _latents, noise, _steps, answer=answer: answer(noise)
        )
        found[name] = scores.noise_scores(None, latents, [50])["50"]
    assert found["all"] == pytest.approx({"error": 0, "correlation": 1})
    assert found["half"]["correlation"] == pytest.approx(1)
    assert found["half"]["error"] == pytest.approx(found["nothing"]["error"] / 4)
    assert found["nothing"] == pytest.approx({"error": 1, "correlation": 0}, abs=0.05)


def _case(gains: dict[int, float]) -> dict:
    points = [
        {
            "iteration": iteration,
            "scores": {
                "0": {"mIoU": 20.0},
                "50": {"mIoU": 20.0 + gain, "gain": gain, "low": gain - 0.5, "high": gain + 0.5},
                "rgb": {"mIoU": 30.0},
            },
        }
        for iteration, gain in gains.items()
    ]
    return {"iterations": 600, "of": 600, "seconds": 1.0, "machine": "x", "points": points}


def test_the_verdict_is_plain(tmp_path) -> None:
    denoising = DenoisingConfig(batch_size=12)
    config = replace(ProbeConfig("Probe"), modalities=("thermal",), denoising=denoising, noise_steps=(0, 50))
    nothing = {"denoising": None, "cases": {}}
    assert "Not measured yet" in verdict(config, nothing)
    control = {"untrained-thermal": _case({0: 9.0, 600: 9.0})}
    assert "Not measured yet" in verdict(config, nothing | {"cases": control})
    found = nothing | {"cases": control | {"denoised-thermal": _case({0: 8.0, 150: 0.9, 600: 0.2})}}
    assert verdict(config, found).endswith(
        "No, in none of 2 scores: the largest difference is +0.9 points [0.4, 1.4] "
        "(thermal, after 150 iterations, step 50)."
    )
    found["cases"]["denoised-thermal"] = _case({150: 1.2, 600: 0.2})
    assert "Yes, in 1 of 2 scores" in verdict(config, found)
    assert verdict(replace(config, modalities=("thermal", "depth")), found).endswith("Not measured: depth.")
    write_table(config, found, "probe", "madm benchmark probe probe.yaml", tmp_path / "docs.md")
    text = (tmp_path / "docs.md").read_text()
    assert "| thermal, learned to denoise | 150 | 20.0 | 21.2 | 30.0 | +1.2 [0.7, 1.7] at 50 |" in text
    assert "| thermal, fresh weights | 600 | 20.0 | 29.0 |" in text
