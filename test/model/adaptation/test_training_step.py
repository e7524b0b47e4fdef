# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One iteration taken apart: who sees which image, and that the losses, the rate and the clipping are what is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from madm_model.adaptation.augmentation import augment
from madm_model.adaptation.class_mix import class_mix
from madm_model.adaptation.config import (
    AdaptationConfig,
    AugmentationConfig,
    DPLGConfig,
    LoRAConfig,
    LPLRConfig,
    ResourceConfig,
    SelfTrainingConfig,
)
from madm_model.adaptation.dplg import draw_noise, draw_noise_step
from madm_model.adaptation.self_training import SelfTraining
from madm_model.labels import STREET_11
from madm_model.training.label_palette import encode_labels
from madm_model.training.optimizer import OptimizerConfig, learning_rate_factor

CONFIG = AdaptationConfig(
    iterations=20,
    dropout=0.0,
    self_training=SelfTrainingConfig(
        pseudo_threshold=0.9,
        dplg=DPLGConfig((60, 61), 10, "sampled"),
        augmentation=AugmentationConfig(jitter_probability=1.0, blur_probability=1.0),
    ),
    lplr=LPLRConfig(2.0, 3.0),
    optimizer=OptimizerConfig(1e-3, 0.01, 1e-3, warmup_iterations=5, steps=(0.5,)),
)
ITERATION = 3


class Watched(SelfTraining):
    """Remembers what the networks saw and said; the teacher is sure of the left half of every image."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.student: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        self.taught: list[tuple[torch.Tensor, int, torch.Tensor | None]] = []
        self.teacher.logits = self._teach
        self._forward, self.passes._forward = self.passes._forward, self._watch

    def _teach(self, images: torch.Tensor, step: int, noise: torch.Tensor | None) -> torch.Tensor:
        self.taught.append((images, step, noise))
        logits = torch.zeros(len(images), 11, *images.shape[-2:])
        logits[:, 4, :, : images.shape[-1] // 2] = 10.0
        logits[:, 7, :, images.shape[-1] // 2 :] = 0.1
        return logits

    def _watch(self, images: torch.Tensor):
        output = self._forward(images)
        self.student.append((images.clone(), output.logits.detach(), output.latent.detach()))
        return output


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor, weight: torch.Tensor) -> float:
    """Mean over all pixels, ignored ones as zero."""
    logits = functional.interpolate(logits, labels.shape[-2:], mode="bilinear", align_corners=False)
    chosen = logits.log_softmax(dim=1).gather(1, labels.clamp(max=10)[:, None])[:, 0]
    return float((-chosen * (labels != 255) * weight).sum() / labels.numel())


def regression(network, latent: torch.Tensor, labels: torch.Tensor, weight: float) -> float:
    target = encode_labels(network.vae, network.architecture.latent_scaling, labels, STREET_11)
    step = labels.shape[-1] // latent.shape[-1]
    mask = (labels != 255)[:, None, ::step, ::step]
    return float(((latent - target).abs() * mask).sum() / latent.numel() * weight)


def test_one_iteration_by_hand(make_network, data):
    network = make_network()
    trainer = Watched(network, STREET_11, data, CONFIG)
    frozen = {name: value.clone() for name, value in network.vae.state_dict().items()}
    statistics = trainer.step(ITERATION)
    rngs = [np.random.default_rng([CONFIG.seed, ITERATION, 0, purpose]) for purpose in range(5)]
    source, target = data.source(rngs[0]), data.target(rngs[1])

    # The teacher labels the plain target, its latent under the noise of this iteration.
    ((seen, step, noise),) = trainer.taught
    assert torch.equal(seen, target)
    assert step == draw_noise_step(CONFIG.self_training.dplg, ITERATION, rngs[2]) == statistics.target[0].noise_step
    assert 60 * 7 // 10 <= step <= 61 * 7 // 10
    expected = draw_noise(CONFIG.self_training.dplg, step, network.latent_shape(target), rngs[2])
    assert torch.equal(noise, expected)

    # The student sees the plain source, and then the augmented mix.
    assert statistics.target[0].quality == 0.5
    labels = torch.full((1, 32, 48), 4)
    labels[:, :, 24:] = 7
    mixed = class_mix(source.images, source.labels, target, labels, 0.5, rngs[3])
    assert len(trainer.student) == 2
    assert torch.equal(trainer.student[0][0], source.images)
    assert torch.equal(trainer.student[1][0], augment(mixed.images, CONFIG.self_training.augmentation, rngs[4]))
    assert not torch.equal(trainer.student[1][0], mixed.images)

    # Four losses, each with its weight.
    (_, source_logits, source_latent), (_, mixed_logits, mixed_latent) = trainer.student
    network.vae.load_state_dict(frozen)
    by_hand = {
        "source_segmentation": cross_entropy(source_logits, source.labels, torch.ones(1, 32, 48)),
        "source_regression": regression(network, source_latent, source.labels, 2.0),
        "target_segmentation": cross_entropy(mixed_logits, mixed.labels, mixed.pixel_weight),
        "target_regression": regression(network, mixed_latent, mixed.labels, 0.5 * 3.0),
    }
    assert statistics.losses == pytest.approx(by_hand, rel=1e-4)
    assert set(mixed.pixel_weight.unique().tolist()) == {0.5, 1.0}


@pytest.mark.parametrize("iteration", [0, 2, 7, 15])
def test_the_step_takes_the_rate_and_the_clipped_gradient(make_network, data, iteration):
    trainer = SelfTraining(make_network(), STREET_11, data, CONFIG)
    taken = []
    step = trainer.optimizer.step

    def spy(*arguments, **named):
        gradients = [value.grad for group in trainer.optimizer.param_groups for value in group["params"]]
        norm = torch.stack([gradient.norm() for gradient in gradients if gradient is not None]).norm()
        taken.append(([group["lr"] for group in trainer.optimizer.param_groups], float(norm)))
        return step(*arguments, **named)

    trainer.optimizer.step = spy
    statistics = trainer.step(iteration)
    ((rates, norm),) = taken
    rate = 1e-3 * learning_rate_factor(iteration, 20, CONFIG.optimizer)
    assert rates == [rate, rate] == [statistics.learning_rate] * 2
    assert rate == pytest.approx({0: 6.7e-5, 2: 1e-3 * (0.067 + 0.933 / 2), 7: 1e-3, 15: 1e-4}[iteration])
    assert statistics.gradient_norm > 10 * CONFIG.optimizer.gradient_clip
    assert norm == pytest.approx(CONFIG.optimizer.gradient_clip, rel=1e-3)


def test_norms_and_biases_are_not_decayed(make_network, data):
    trainer = SelfTraining(make_network(), STREET_11, data, CONFIG)
    decayed, plain = trainer.optimizer.param_groups
    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.01, 0.0)
    names = {id(value): name for name, value in trainer.network.named_parameters() if value.requires_grad}
    assert {names[id(value)] for value in decayed["params"]} >= {"unet.conv_in.weight", "head.classifier.weight"}
    assert {names[id(value)] for value in plain["params"]} >= {"unet.conv_in.bias", "head.bottleneck.norm.weight"}
    assert len(decayed["params"]) + len(plain["params"]) == len(names)


def test_accumulated_batches_differ(make_network, data):
    trainer = Watched(make_network(), STREET_11, data, replace(CONFIG, resources=ResourceConfig(accumulation=2)))
    trainer.step(0)
    first, second = trainer.taught
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(first[2], second[2])
    assert not torch.equal(trainer.student[0][0], trainer.student[2][0])


def test_adapters_begin_as_the_seed_says(make_network, data):
    def begin(seed: int, happened_before: int) -> torch.Tensor:
        network = make_network()
        torch.manual_seed(happened_before)
        SelfTraining(network, STREET_11, data, replace(CONFIG, seed=seed, resources=ResourceConfig(lora=LoRAConfig(2))))
        return torch.cat([value.flatten() for name, value in network.named_parameters() if "lora_A" in name])

    assert torch.equal(begin(1, 10), begin(1, 11))
    assert not torch.equal(begin(1, 10), begin(2, 10))


def test_without_noise_in_the_model_a_training_with_noise_brings_it_back(make_network, data):
    network, whole = make_network(), make_network()
    network.shared_noise.zero_()
    fixed = replace(CONFIG.self_training, dplg=DPLGConfig((60, 61), 10))
    trainer = SelfTraining(network, STREET_11, data, replace(CONFIG, self_training=fixed))
    assert torch.equal(network.shared_noise, whole.shared_noise)
    assert torch.equal(trainer.teacher.network.shared_noise, whole.shared_noise)


@pytest.mark.parametrize("is_taught", [True, False])
def test_an_opinion_changes_nothing(make_network, data, is_taught):
    config = CONFIG if is_taught else replace(CONFIG, self_training=None)
    trainer = SelfTraining(make_network(), STREET_11, data, config)
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    modes = [module.training for module in trainer.network.modules()]
    images = data.target(np.random.default_rng(1))
    first, noisy, again = (trainer.opinion(images, step) for step in (0, 60, 0))
    assert first.dtype == torch.float32
    assert torch.equal(first, again)
    assert not torch.equal(first, noisy)
    assert all(torch.equal(before[name], value) for name, value in trainer.network.state_dict().items())
    assert [module.training for module in trainer.network.modules()] == modes


def test_sampled_noise_reaches_an_opinion_where_the_model_has_none(make_network, data):
    config = replace(CONFIG, clean_noise=False)
    trainer = SelfTraining(make_network(), STREET_11, data, config)
    images = data.target(np.random.default_rng(1))
    assert not torch.allclose(trainer.opinion(images, 60), trainer.opinion(images, 0))
