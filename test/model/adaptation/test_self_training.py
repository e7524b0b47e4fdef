# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The training step on a miniature network: which parts take place, what changes, exact resuming."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from madm_model.adaptation.config import (
    AblationRow,
    AdaptationConfig,
    DPLGConfig,
    LoRAConfig,
    ResourceConfig,
    SelfTrainingConfig,
    TeacherConfig,
    ablation,
    paper_config,
)
from madm_model.adaptation.self_training import SelfTraining, TrainingDiverged
from madm_model.labels import STREET_9, STREET_11
from madm_model.training.optimizer import OptimizerConfig
from madm_model.training.stage import StageConfig, run_iterations

ITERATIONS = 6
QUIET = Console(quiet=True)
# Thresholds and periods that a few iterations of an untrained network pass through.
CONFIG = AdaptationConfig(
    iterations=ITERATIONS,
    self_training=SelfTrainingConfig(pseudo_threshold=0.12, dplg=DPLGConfig((60, 61), 4)),
    optimizer=OptimizerConfig(learning_rate=1e-3, gradient_clip=1.0, warmup_iterations=3),
)


def weights(network) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.mark.parametrize(
    ("row", "losses"),
    [
        (AblationRow.SOURCE_ONLY, {"source_segmentation"}),
        (AblationRow.BASELINE, {"source_segmentation", "target_segmentation"}),
        (AblationRow.DPLG, {"source_segmentation", "target_segmentation"}),
        (
            AblationRow.LPLR,
            {f"{side}_{kind}" for side in ("source", "target") for kind in ("segmentation", "regression")},
        ),
        (
            AblationRow.MADM,
            {f"{side}_{kind}" for side in ("source", "target") for kind in ("segmentation", "regression")},
        ),
    ],
)
def test_rows_have_their_parts(make_network, data, row, losses):
    trainer = SelfTraining(make_network(), STREET_11, data, ablation(CONFIG, row))
    statistics = trainer.step(0)
    assert statistics.losses.keys() == losses
    assert all(value > 0 for value in statistics.losses.values())
    if row is AblationRow.SOURCE_ONLY:
        assert trainer.teacher is None
        assert statistics.target == []
    else:
        (target,) = statistics.target
        assert target.noise_step == (0 if row in (AblationRow.BASELINE, AblationRow.LPLR) else pytest.approx(60, abs=1))
        assert 0 < target.pasted_share < 1
        assert 0 < target.confidence < 1
        assert target.label_histogram.sum() <= 32 * 48
    assert {"gradient_norm", "learning_rate", *losses} <= statistics.row().keys()


def test_rows_see_the_same_source(make_network, data):
    first = {
        row: SelfTraining(make_network(), STREET_11, data, ablation(replace(CONFIG, dropout=0.0), row)).step(0)
        for row in AblationRow
    }
    values = {statistics.losses["source_segmentation"] for statistics in first.values()}
    assert len(values) == 1


def test_trains_what_section_10_names(make_network, data):
    network = make_network()
    before = weights(network)
    trainer = SelfTraining(network, STREET_11, data, CONFIG)
    trainer.step(0)
    changed = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    frozen = ("vae.", "unet.conv_norm_out.", "unet.conv_out.")
    assert changed.isdisjoint(name for name in before if name.startswith(frozen))
    expected = {name for name, _ in network.named_parameters() if not name.startswith(frozen)}
    # tanh(alpha) is 0 at the start, so its factor has no gradient yet
    assert expected - changed <= {"condition.time_embed"}
    assert torch.equal(network.shared_noise, before["shared_noise"])


def test_the_papers_way_trains_the_whole_unet_and_adds_no_noise_to_clean_passes(make_network, data):
    network = make_network()
    before = weights(network)
    config = replace(paper_config("thermal"), iterations=10, optimizer=CONFIG.optimizer)
    trainer = SelfTraining(network, STREET_11, data, config)
    statistics = trainer.step(0)
    assert statistics.target[0].noise_step in (50, 51)
    changed = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    assert {"unet.conv_out.weight", "unet.conv_norm_out.weight"} <= changed
    assert not any(name.startswith("vae.") for name in changed)
    for noise in (network.shared_noise, trainer.teacher.network.shared_noise, trainer.finish().shared_noise):
        assert not noise.any()


def test_loss_falls(make_network, data):
    class OneBatch:
        def source(self, rng):
            return data.source(np.random.default_rng(1))

        def target(self, rng):
            raise AssertionError("the source alone is trained on")

    config = replace(
        CONFIG, iterations=12, dropout=0.0, self_training=None, optimizer=OptimizerConfig(5e-3, 0.0, 1.0, 0, ())
    )
    trainer = SelfTraining(make_network(), STREET_11, OneBatch(), config)
    torch.manual_seed(0)
    losses = [trainer.step(iteration).losses["source_segmentation"] for iteration in range(12)]
    assert losses[-1] < 0.8 * losses[0]


def test_teacher_follows_from_the_second_iteration(make_network, data):
    trainer = SelfTraining(make_network(), STREET_11, data, CONFIG)
    start = trainer.teacher.network.head.classifier.weight.clone()
    trainer.step(0)
    assert torch.equal(trainer.teacher.network.head.classifier.weight, start)
    student = trainer.network.head.classifier.weight.detach().clone()
    trainer.step(1)
    assert torch.allclose(trainer.teacher.network.head.classifier.weight, (start + student) / 2)


@pytest.mark.usefixtures("bfloat16_is_computed")
@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        replace(
            CONFIG,
            self_training=replace(CONFIG.self_training, teacher=TeacherConfig(average_unet=True, mode="eval")),
            resources=ResourceConfig(accumulation=2),
        ),
        replace(
            CONFIG,
            self_training=replace(
                CONFIG.self_training, dplg=DPLGConfig((60, 61), 4, "sampled"), teacher=TeacherConfig(average_unet=True)
            ),
            clean_noise=False,
            resources=ResourceConfig("bfloat16", True, True, LoRAConfig(2)),
        ),
    ],
    ids=["released", "averaged-unet", "small-memory"],
)
def test_resumed_equals_unbroken(make_network, data, tmp_path, config):
    stage = StageConfig("adaptation", ITERATIONS, config.optimizer, config.seed, checkpoint_every=100, log_every=1)

    def train(name, stop_at=None):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        trainer = SelfTraining(make_network(), STREET_11, data, config)
        seen = []

        def keep_going(done, statistics):
            seen.append(statistics.row())
            return done != stop_at

        run_iterations(stage, trainer, folder, QUIET, keep_going)
        return trainer, seen

    unbroken, all_rows = train("unbroken")
    _, first_rows = train("broken", stop_at=3)
    torch.manual_seed(12345)  # whatever happened in between
    resumed, last_rows = train("broken")

    assert len(first_rows) == 3
    assert first_rows + last_rows == all_rows
    assert all_rows[-1]["noise_step"] == 0
    assert all_rows[1]["noise_step"] > 0
    resumed_network, resumed_teacher = resumed.network.state_dict(), resumed.teacher.network.state_dict()
    for name, value in unbroken.network.state_dict().items():
        assert torch.equal(resumed_network[name], value), name
    for name, value in unbroken.teacher.network.state_dict().items():
        assert torch.equal(resumed_teacher[name], value), name
    states = zip(unbroken.optimizer.state_dict()["state"].values(), resumed.optimizer.state_dict()["state"].values())
    assert all(torch.equal(mine[key], theirs[key]) for mine, theirs in states for key in mine)
    assert (tmp_path / "broken" / "adaptation.csv").read_text().count("\n") == ITERATIONS + 1


def test_checkpoint_leaves_frozen_weights_out(make_network, data):
    state = SelfTraining(make_network(), STREET_11, data, CONFIG).state_dict()
    assert "unet.conv_in.weight" in state["network"]
    assert "head.bottleneck.norm.running_mean" in state["network"]
    assert not any(name.startswith(("vae.", "unet.conv_out")) for name in state["network"])


def test_checkpoint_of_another_configuration_is_refused(make_network, data):
    state = SelfTraining(make_network(), STREET_11, data, CONFIG).state_dict()
    other = SelfTraining(make_network(), STREET_11, data, replace(CONFIG, dropout=0.2))
    with pytest.raises(ValueError, match="another configuration"):
        other.load_state_dict(state)


def test_label_set_must_fit(make_network, data):
    with pytest.raises(ValueError, match="11 classes, the label set 9"):
        SelfTraining(make_network(), STREET_9, data, CONFIG)


def test_divergence_is_named(make_network, data):
    network = make_network()
    trainer = SelfTraining(network, STREET_11, data, CONFIG)
    with torch.no_grad():
        network.head.classifier.bias.fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match="source_segmentation is nan at iteration 0"):
        trainer.step(0)
