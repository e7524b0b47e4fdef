# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Networks are timed in every runtime that there is; what cannot run is told and left out."""

from __future__ import annotations

import pytest
import torch
from adaptation_samples import MINIATURE

from madm_model.model_config import ModelError
from madm_model.speed import gpu_table, inference
from madm_model.speed.gpu_table import measure_gpu
from madm_model.speed.inference import contenders, measure
from madm_model.speed.step_cost import StepCost
from madm_model.students.architecture import SwiftNetArchitecture

SWIFTNET = SwiftNetArchitecture("small", (8, 8, 8, 8), (1, 1, 1, 1), 8)
SIZE = (32, 64)


def test_one_network_in_several_runtimes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda module, mode: module)
    told: list[str] = []
    made = contenders(SWIFTNET, SIZE, "cpu", "auto", ["torch", "compiled"], told.append)
    speeds = measure(made, SIZE, 2)
    assert [(speed.name, speed.runtime) for speed in speeds] == [
        ("small", "torch float32"),
        ("small", "compiled float32"),
    ]
    assert all(speed.fastest_milliseconds > 0 and speed.first_seconds > 0 and not speed.stages for speed in speeds)
    monkeypatch.setattr(inference, "available_memory", lambda: 1000)
    made = contenders(SWIFTNET, SIZE, "cpu", "float16", ["torch", "onnx"], told.append)
    assert [one.segmenter.runtime for one in made] == ["torch float16"]
    assert told == ["small in onnx is left out: it needs about 0 GiB of memory"]


def test_the_gpu_table_has_what_could_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(architecture, size, device, iterations, options):
        if options:
            raise torch.OutOfMemoryError("out of memory")
        return StepCost("miniature", "LoRA 8, bfloat16", (2, 32, 64), 1.5, 3 << 30, 4 << 30, 2, 0.015)

    monkeypatch.setattr(gpu_table, "measure_step", step)
    told: list[str] = []
    (_, _, latencies), (_, _, steps) = measure_gpu(torch.device("cpu"), told.append, MINIATURE, SIZE)
    assert [row[0] for row in latencies] == ["torch float32"]
    assert steps == [["LoRA 8, bfloat16", "2x32x64", "1.50", "1.5%", "3.0"]]
    assert told == ["training of all weights is left out: out of memory"]
    times = iter([0.0, *[1000.0] * 9])
    (_, _, latencies), (_, _, steps) = measure_gpu(
        torch.device("cpu"), told.append, MINIATURE, SIZE, lambda: next(times)
    )
    assert not latencies and not steps and len(told) == 4
    with pytest.raises(ModelError, match="needs a CUDA GPU"):
        measure_gpu(torch.device("cpu"), told.append)
