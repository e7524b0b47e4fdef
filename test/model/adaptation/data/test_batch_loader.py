# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Batches prepared ahead: the same whatever the number of workers, from any place on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from madm_model.adaptation.data.batch_loader import BatchLoader
from madm_model.adaptation.data.batches import LabelledBatch


class Drawn:
    """Batches that show what was drawn."""

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        return LabelledBatch(
            torch.from_numpy(rng.random((1, 3, 2, 2))), torch.from_numpy(rng.integers(9, size=(1, 2, 2)))
        )

    def target(self, rng: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(rng.random((1, 3, 2, 2)))


class Broken(Drawn):
    def target(self, rng: np.random.Generator) -> torch.Tensor:
        raise ValueError("this file cannot be read")


def values(batch) -> list:
    source, target = batch
    assert isinstance(source, LabelledBatch)
    return [source.images.tolist(), source.labels.tolist(), None if target is None else target.tolist()]


@pytest.mark.parametrize("with_target", [True, False])
def test_workers_change_nothing(with_target):
    plain, ahead = (BatchLoader(Drawn(), 7, 4, [0, 2], with_target, workers) for workers in (0, 2))
    places = [(iteration, index) for iteration in range(1, 4) for index in range(2)]
    expected = [values(plain.get(*place)) for place in places]
    assert [values(ahead.get(*place)) for place in places] == expected
    assert len({str(batch) for batch in expected}) == len(places)
    assert values(ahead.get(2, 1)) == expected[3]  # a step back, as after a trial
    assert values(ahead.get(3, 0)) == expected[4]
    assert ahead.waited_s > 0
    ahead.close()


def test_the_generator_of_dropout_is_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    loader = BatchLoader(Drawn(), 7, 2, [0], True, workers=1)
    loader.get(0, 0)
    assert torch.equal(torch.get_rng_state(), before)
    loader.close()


def test_processes_share_what_one_would_read():
    whole = BatchLoader(Drawn(), 7, 2, [0, 1, 2, 3], True)
    first, second = (BatchLoader(Drawn(), 7, 2, range(rank, 4, 2), True) for rank in range(2))
    shared = [values(loader.get(1, index)) for index in range(2) for loader in (first, second)]
    assert shared == [values(whole.get(1, index)) for index in range(4)]


def test_an_error_of_a_worker_is_told():
    loader = BatchLoader(Broken(), 7, 2, [0], True, workers=1)
    with pytest.raises(ValueError, match="this file cannot be read"):
        loader.get(0, 0)
    loader.close()
