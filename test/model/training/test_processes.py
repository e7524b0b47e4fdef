# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Training in several processes: the same losses and weights as in one."""

from __future__ import annotations

import pytest
import torch
from launched_training import losses_and_weights
from process_samples import run_processes

from madm_model.training.processes import ALONE, Processes, launched_processes


def test_two_processes_train_as_one(tmp_path):
    alone = losses_and_weights(ALONE)
    first, second = run_processes(2, tmp_path, lambda: losses_and_weights(launched_processes("cpu")[0]))
    for iteration, (mine, theirs) in enumerate(zip(alone["losses"], first["losses"])):
        assert theirs == pytest.approx(mine, rel=1e-4), iteration
    assert first["losses"] == second["losses"]
    assert first["weights"] == second["weights"]  # students, teachers and norms do not drift apart
    for name in ("unet", "head", "teacher"):
        assert first["weights"][name] == pytest.approx(alone["weights"][name], rel=1e-4)
    assert first["confidence"] == pytest.approx(alone["confidence"], rel=1e-4)


def test_alone_nothing_is_exchanged():
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.full((2,), 3.0)
    ALONE.average_gradients([weight])
    values = [torch.ones(1)]
    ALONE.average(values)
    with ALONE.first_before_others():
        assert ALONE.gather([1, 2]) == [1, 2]
    assert (ALONE.any(True), ALONE.any(False)) == (True, False)
    assert weight.grad.tolist() == [3.0, 3.0]
    assert values[0].item() == 1
    assert ALONE.is_first
    assert not Processes(1, 2).is_first
