# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The measured iteration is a job's own: its batch, its settings, its errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from madm_model.architecture import TINY
from madm_model.labels import STREET_11
from madm_model.speed.step_cost import measure_step
from madm_model.speed.training import CodedPictures, coded_data

CPU = torch.device("cpu")


def test_an_iteration_is_measured_as_a_job_would_run_it():
    cost = measure_step(TINY, (64, 96), CPU, iterations=1)
    assert (cost.name, cost.method, cost.batch) == ("tiny", "all weights, float32", (4, 64, 96))
    assert cost.seconds > 0
    assert cost.peak_gpu_bytes is None and cost.reserved_gpu_bytes is None


def test_options_change_what_is_measured():
    options = {"lora": "on", "precision": "bfloat16", "view.batch_size": "1", "self_training": "off"}
    cost = measure_step(TINY, (64, 64), CPU, iterations=1, options=options)
    assert (cost.method, cost.batch) == ("LoRA 16, bfloat16", (1, 64, 64))


def test_an_unknown_option_is_told():
    with pytest.raises(ValueError, match="unknown option 'speed'"):
        measure_step(TINY, (64, 64), CPU, options={"speed": "9"})


def test_waiting_for_data_is_told():
    options = {"view.batch_size": "1", "self_training": "off"}
    cost = measure_step(TINY, (64, 64), CPU, 1, options, workers=0)
    assert cost.workers == 0
    assert 0 < cost.waiting_share < 1


def test_pictures_are_as_much_work_as_those_of_the_data_sets():
    pictures = CodedPictures("fmb", length=6)
    assert len(pictures) == 6
    assert (pictures.image(5).shape, pictures.labels(5).shape) == ((600, 800, 3), (600, 800))
    assert np.bincount(pictures.labels(5).ravel(), minlength=9).tolist() == pictures.pixel_counts[5].tolist()
    images, labels, _ = coded_data("fmb", STREET_11, (64, 80), 2).source(np.random.default_rng(0))
    assert images.shape == (2, 3, 64, 80) and images.dtype == torch.float32
    assert images.min() >= -1 and images.max() <= 1
    assert labels.shape == (2, 64, 80) and labels.dtype == torch.int64
    assert len(labels.unique()) > 1
