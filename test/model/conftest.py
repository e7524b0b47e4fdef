# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A network small enough to train in a test, and random data for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from adaptation_samples import MINIATURE, make_request, write_bag

from madm_model.adaptation.data import limited_reading
from madm_model.adaptation.data.batches import LabelledBatch
from madm_model.jobs.request import JobRequest
from madm_model.labels import STREET_11
from madm_model.network.madm import MADM
from madm_model.store import VersionStore
from madm_model.training import precision


class RandomData:
    """Blocks of noise with labels in blocks; one image of 32x48 each."""

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        labels = torch.from_numpy(np.kron(rng.integers(0, 11, (2, 3)), np.ones((16, 16), np.int64)))[None]
        labels[:, :4, :4] = 255
        return LabelledBatch(self.target(rng), labels)

    def target(self, rng: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(-1, 1, (1, 3, 32, 48)).astype(np.float32))


@pytest.fixture(autouse=True)
def _recordings_are_read_here(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs read recordings in the test's process, which is quicker; where a module says so, in one with limits."""
    if not getattr(request.module, "WITH_LIMITS", False):
        monkeypatch.setattr(limited_reading, "LimitedStream", _Unlimited)
        monkeypatch.setattr(
            limited_reading, "run_limited", lambda what, function, *arguments, **_: function(*arguments)
        )


@pytest.fixture
def bfloat16_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passes that were asked for in bfloat16 are made in it, on a CPU that only emulates it, too."""
    monkeypatch.setattr(precision, "_cpu_computes_bfloat16", lambda: True)


class _Unlimited:
    def __init__(self, what: str, function: Callable[..., Iterator[Any]], *arguments: Any, **_: Any) -> None:
        self._items = function(*arguments)

    def __enter__(self) -> Iterator[Any]:
        return self._items

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def make_network():
    def make() -> MADM:
        torch.manual_seed(0)
        return MADM(MINIATURE, len(STREET_11))

    return make


@pytest.fixture
def data() -> RandomData:
    return RandomData()


@pytest.fixture
def request_(tmp_path) -> JobRequest:
    return make_request(tmp_path, write_bag(tmp_path / "bag"))


@pytest.fixture
def store(tmp_path) -> VersionStore:
    return VersionStore(tmp_path / "store", tmp_path / "base")
