# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One iteration of a distillation, and many."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from adaptation_samples import SMALL_STUDENT

from madm_model.adaptation.data.batches import LabelledBatch
from madm_model.adaptation.self_training import TrainingDiverged
from madm_model.checkpoint.model_folder import build_student
from madm_model.distillation.config import DistillationConfig
from madm_model.distillation.data import TaughtBatch
from madm_model.distillation.distillation import Distillation, soft_loss
from madm_model.labels import IGNORE

CONFIG = DistillationConfig(iterations=12, learning_rate=3e-3)


class Blocks:
    """Two blocks of brightness, and a teacher who takes the brighter one for class 1 with 0.8."""

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        images, labels = self._draw(rng)
        labels[:, :2] = IGNORE
        return LabelledBatch(images, labels)

    def target(self, rng: np.random.Generator) -> TaughtBatch:
        images, labels = self._draw(rng)
        certain = torch.nn.functional.one_hot(labels, 11).permute(0, 3, 1, 2).float()
        return TaughtBatch(images, 0.8 * certain + 0.2 / 11)

    def _draw(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        labels = np.kron(rng.integers(0, 2, (2, 2, 2)), np.ones((1, 32, 32), np.int64))
        images = np.repeat(labels[:, None] - 0.5, 3, axis=1) + rng.normal(0, 0.1, (2, 3, 64, 64))
        return torch.from_numpy(images.astype(np.float32)), torch.from_numpy(labels)


def trainer(config: DistillationConfig = CONFIG) -> Distillation:
    torch.manual_seed(0)
    return Distillation(build_student(SMALL_STUDENT, 11), Blocks(), config, torch.device("cpu"))


def test_the_loss_on_hand_made_numbers() -> None:
    """Two classes; pixels: labelled 0, ignored, taught 0.9, taught 0.5."""
    logits = torch.tensor([[0.0, 5.0, 2.0, 0.0], [0.0, 0.0, 0.0, 1.0]]).view(1, 2, 1, 4)
    labels = torch.tensor([0, IGNORE, 1, 1]).view(1, 1, 4)
    is_labelled = torch.tensor([True, True, False, False]).view(1, 1, 4)
    probabilities = torch.tensor([[0.1, 0.1, 0.9, 0.5], [0.9, 0.9, 0.1, 0.5]]).view(1, 2, 1, 4)

    def log_softmax(score: float, other: float) -> float:
        return score - math.log(math.exp(score) + math.exp(other))

    plain = math.log(2) - 0.9 * log_softmax(2, 0) - 0.1 * log_softmax(0, 2)
    plain += -0.5 * log_softmax(0, 1) - 0.5 * log_softmax(1, 0)
    assert soft_loss(logits, labels, is_labelled, probabilities, 1.0).item() == pytest.approx(plain / 4)
    # At temperature 2, 0.9 and 0.1 become 3/4 and 1/4.
    soft = 4 * (-0.75 * log_softmax(1, 0) - 0.25 * log_softmax(0, 1))
    soft += 4 * (-0.5 * log_softmax(0, 0.5) - 0.5 * log_softmax(0.5, 0))
    expected = (math.log(2) + soft) / 4
    assert soft_loss(logits, labels, is_labelled, probabilities, 2.0).item() == pytest.approx(expected)


def test_small_scores_are_resized_to_the_labels() -> None:
    logits, labels = torch.zeros(1, 2, 2, 2), torch.zeros(1, 8, 8, dtype=torch.int64)
    nowhere, opinion = torch.zeros(1, 8, 8, dtype=torch.bool), torch.full((1, 2, 8, 8), 0.5)
    assert soft_loss(logits, labels, nowhere, opinion, 1.0).item() == pytest.approx(math.log(2))


def test_losses_fall_and_the_average_is_the_result() -> None:
    distillation = trainer()
    steps = [distillation.step(iteration) for iteration in range(12)]
    first, last = (np.mean([sum(step.losses.values()) for step in part]) for part in (steps[:3], steps[-3:]))
    assert last < 0.8 * first
    assert steps[0].losses.keys() == {"source_segmentation", "target_segmentation"}
    seen = steps[0].target[0]
    assert (seen.noise_step, seen.quality) == (-1, 0.0)  # 0.82 is below the threshold
    assert seen.confidence == pytest.approx(0.8 + 0.2 / 11)
    assert {"quality", "confidence"} <= steps[0].row().keys()  # of what it has not, a log has no column
    assert not {"noise_step", "loss_share"} & steps[0].row().keys()
    student = {name: value.clone() for name, value in distillation.student.state_dict().items()}
    result = distillation.finish()
    assert not result.training
    assert any(not torch.equal(student[name], value) for name, value in result.state_dict().items())


def test_a_resumed_distillation_equals_the_unbroken_one() -> None:
    unbroken, first, second = trainer(), trainer(), trainer()
    for iteration in range(3):
        unbroken.step(iteration)
    first.step(0)
    second.load_state_dict(first.state_dict())
    for iteration in (1, 2):
        second.step(iteration)
    ends = (unbroken.finish().state_dict(), second.finish().state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    other = trainer(DistillationConfig(iterations=12, temperature=2.0))
    with pytest.raises(ValueError, match="the student's checkpoint is from another configuration"):
        other.load_state_dict(first.state_dict())


def test_a_loss_that_is_no_number_ends_it() -> None:
    distillation = trainer()
    with torch.no_grad():
        distillation.student.classifier.bias.fill_(torch.inf)
    with pytest.raises(TrainingDiverged, match="the student's loss is nan at iteration 0: lower its learning rate"):
        distillation.step(0)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"temperature": 0.0}, "temperature is 0.0: it has to be greater than 0"),
        ({"source_weight": 0.0, "target_weight": 0.0}, "nothing would be learned"),
        ({"time_share": 1.0}, "time_share is 1.0: it has to be less than 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, complaint) -> None:
    with pytest.raises(ValueError, match=complaint):
        DistillationConfig(**values)


def test_float16_wants_cuda() -> None:
    with pytest.raises(ValueError, match="float16 training needs CUDA"):
        trainer(DistillationConfig(iterations=1, precision="float16"))
