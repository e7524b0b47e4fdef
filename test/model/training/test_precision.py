# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which number type passes are made in."""

from __future__ import annotations

import logging

import pytest
import torch

from madm_model.training import precision
from madm_model.training.precision import autocast, computed_precision

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _untold() -> None:
    precision._tell_once.cache_clear()


def product() -> torch.dtype:
    with autocast(CPU, "bfloat16"):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_a_cpu_that_only_emulates_bfloat16_makes_passes_in_float32_and_says_so_once(monkeypatch, caplog) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    with caplog.at_level(logging.WARNING):
        assert (product(), product()) == (torch.float32, torch.float32)
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["this CPU does not compute in bfloat16"]
    assert computed_precision(torch.device("cuda"), "bfloat16") == "bfloat16"


def test_others_compute_as_asked(monkeypatch, caplog) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert product() == torch.bfloat16
    assert (computed_precision(CPU, "float32"), computed_precision(CPU, "float16")) == ("float32", "float16")
    assert not caplog.records
