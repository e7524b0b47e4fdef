# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The noise schedule of specification section 8."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from madm_model.adaptation.config import DPLGConfig
from madm_model.adaptation.dplg import annealed_step, draw_noise, draw_noise_step


@pytest.mark.parametrize(
    ("initial", "period", "steps"),
    [
        (60, 5000, {0: 60, 1000: 48, 2500: 30, 4999: 0, 5000: 0, 9999: 0}),
        (61, 5000, {0: 61, 1000: 48, 2500: 30, 5000: 0}),
        (50, 8000, {0: 50, 1: 49, 1000: 43, 2500: 34, 8000: 0}),
        (51, 8000, {0: 51, 1000: 44, 2500: 35, 8000: 0}),
    ],
)
def test_table_of_the_specification(initial, period, steps):
    assert {k: annealed_step(initial, k, period) for k in steps} == steps


def test_annealing_never_rises():
    steps = [annealed_step(60, k, 500) for k in range(520)]
    assert steps == sorted(steps, reverse=True)
    assert set(steps) == set(range(61))


def test_draw_covers_both_ends_evenly():
    rng = np.random.default_rng(0)
    draws = np.array([draw_noise_step(DPLGConfig((50, 51), 8000), 0, rng) for _ in range(2000)])
    assert set(draws.tolist()) == {50, 51}
    assert abs((draws == 50).mean() - 0.5) < 0.05


def test_no_noise_without_dplg():
    assert draw_noise_step(None, 0, np.random.default_rng(0)) == 0


def test_noise_is_fixed_or_sampled():
    shape = (2, 4, 48, 64)
    assert draw_noise(None, 50, shape, np.random.default_rng(0)) is None
    assert draw_noise(DPLGConfig(), 50, shape, np.random.default_rng(0)) is None
    sampled = DPLGConfig(noise="sampled")
    assert draw_noise(sampled, 0, shape, np.random.default_rng(0)) is None
    rng = np.random.default_rng(0)
    first, second = draw_noise(sampled, 50, shape, rng), draw_noise(sampled, 50, shape, rng)
    assert first.shape == shape and first.dtype == torch.float32
    assert abs(first.mean()) < 0.03 and abs(first.std() - 1) < 0.03
    assert not torch.equal(first, second) and not torch.equal(first[0], first[1])


def test_unknown_noise_is_refused():
    with pytest.raises(ValueError, match="it has to be 'fixed' or 'sampled'"):
        DPLGConfig(noise="pink")
