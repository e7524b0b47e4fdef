# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a teacher's opinion on frames is on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from adaptation_samples import CONFIG, write_model, write_student
from torch.nn import functional

from madm_model.adaptation.data.target_frames import TargetLimits
from madm_model.checkpoint.model_folder import load_model, save_model
from madm_model.distillation import teacher_labels
from madm_model.distillation.frames import collect_images
from madm_model.distillation.student_choice import choose_student
from madm_model.distillation.teacher_labels import label_frames
from madm_model.model_config import ModelError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    images = np.random.default_rng(0).integers(0, 255, (6, 40, 60, 3), np.uint8)
    return collect_images(
        images, CONFIG, TargetLimits(min_frames=2), tmp_path_factory.mktemp("frames"), lambda *_: None
    )


def test_it_is_the_mean_of_a_frame_and_its_mirror_image_at_half_the_frames_size(teacher, frames, tmp_path) -> None:
    labels = label_frames({teacher: 1}, frames, [4, 1], tmp_path, CPU)
    height, width = frames.images.shape[1:3]
    pixels = torch.from_numpy(np.array(frames.images[1])).permute(2, 0, 1)[None].float() / 127.5 - 1
    pixels = functional.interpolate(pixels, CONFIG.input_size, mode="bilinear", antialias=True)
    with torch.inference_mode():
        network = load_model(teacher)[0]
        both = [network(pixels).logits.softmax(1), network(pixels.flip(-1)).logits.softmax(1).flip(-1)]
    expected = functional.interpolate(sum(both) / 2, (height // 2, width // 2), mode="bilinear", antialias=True)[0]
    torch.testing.assert_close(labels.of(1), expected, atol=0.01, rtol=0)
    torch.testing.assert_close(labels.of(1).sum(0), torch.ones(height // 2, width // 2))
    assert not torch.equal(labels.of(1), labels.of(4))


def test_two_teachers_label_as_their_weighted_mean(teacher, frames, tmp_path) -> None:
    other = write_student(tmp_path / "other")  # which sees larger images
    one, two, mean = (
        label_frames(teachers, frames, [1], tmp_path / str(number), CPU).of(1)
        for number, teachers in enumerate(({teacher: 1}, {other: 1}, {teacher: 3, other: 1}))
    )
    torch.testing.assert_close(mean, 0.75 * one + 0.25 * two, atol=0.01, rtol=0)
    assert not torch.allclose(one, two, atol=0.02)


def test_a_student_that_has_been_trained_labels_beside_its_teacher() -> None:
    assert choose_student("swiftnet").teachers(Path("teacher"), 0.4) == {Path("teacher"): 1.0}
    trained = choose_student("student-thermal")
    assert trained.teachers(Path("teacher"), 0.4) == {Path("teacher"): 0.6, trained.folder: 0.4}


def test_an_interrupted_teacher_goes_on_and_another_one_begins_anew(teacher, frames, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(teacher_labels, "_KEEP_EVERY", 2)
    whole = label_frames({teacher: 1}, frames, range(6), tmp_path / "whole", CPU)
    told = []

    def stop(done: int, total: int) -> None:
        told.append(done)
        if done == 3 and len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label_frames({teacher: 1}, frames, range(6), tmp_path / "cut", CPU, on_frame=stop)
    resumed = label_frames({teacher: 1}, frames, range(6), tmp_path / "cut", CPU, on_frame=stop)
    assert told == [1, 2, 3, 3, 4, 5, 6]
    assert all(torch.equal(resumed.of(index), whole.of(index)) for index in range(6))

    other = write_model(tmp_path / "other", seed=1)
    told.clear()
    label_frames({other: 1}, frames, range(6), tmp_path / "cut", CPU, on_frame=lambda done, total: told.append(done))
    label_frames({other: 1}, frames, range(6), tmp_path / "cut", CPU, on_frame=lambda done, total: told.append(done))
    assert told == [1, 2, 3, 4, 5, 6]


def test_when_the_time_is_over_what_has_labels_is_enough(teacher, frames, tmp_path) -> None:
    told = []
    for _ in range(2):  # and a second call adds nothing
        labels = label_frames(
            {teacher: 1}, frames, [4, 1, 3], tmp_path, CPU, on_frame=lambda *count: told.append(count), time_limit_s=0
        )
        assert labels.indices.tolist() == [4]
    assert told == [(1, 3)]
    assert label_frames({teacher: 1}, frames, [4, 1, 3], tmp_path, CPU).indices.tolist() == [1, 3, 4]


def test_a_teacher_whose_scores_are_not_finite_is_refused(frames, tmp_path) -> None:
    broken = write_model(tmp_path / "model")
    network, config = load_model(broken)
    with torch.no_grad():
        network.head.classifier.weight.fill_(torch.nan)
    save_model(broken, network, config)
    with pytest.raises(ModelError, match="the scores of the teacher 'miniature' are not finite in float32"):
        label_frames({broken: 1}, frames, [0], tmp_path / "labels", CPU)
