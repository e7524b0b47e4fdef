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

from madm_model.adaptation.data.training_data import ViewConfig
from madm_model.architecture import TINY
from madm_model.speed.step_cost import RandomData, measure_step

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


def test_random_batches_have_several_classes_to_mix():
    data = RandomData(ViewConfig(2, 64, 80), num_classes=5)
    images, labels = data.source(np.random.default_rng(0))
    assert images.shape == (2, 3, 64, 80) and images.dtype == torch.float32
    assert images.min() >= -1 and images.max() <= 1
    assert labels.shape == (2, 64, 80) and labels.dtype == torch.int64
    assert 1 < len(labels.unique()) <= 5
    assert data.target(np.random.default_rng(0)).shape == images.shape
