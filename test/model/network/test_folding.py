# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What is folded gives what the network gave."""

from __future__ import annotations

import copy

import torch
from adaptation_samples import MINIATURE

from madm_model.network import MADM
from madm_model.network.folding import Constant, fold_constants


@torch.no_grad()
def test_folding_changes_nothing_but_the_work() -> None:
    torch.manual_seed(0)
    network = MADM(MINIATURE, 5).eval()
    for name, parameter in network.condition.named_parameters():
        torch.nn.init.normal_(parameter, std=1.0 if "alpha" in name else 2.0)
    for module in network.head.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.2, 2.0)
    images = torch.rand(2, 3, 32, 48) * 2 - 1
    expected = network(images)
    folded = copy.deepcopy(network)
    fold_constants(folded)
    constants = [module for module in folded.modules() if isinstance(module, Constant)]
    assert len(constants) > 20
    for given, wanted in zip(vars(folded(images)).values(), vars(expected).values()):
        torch.testing.assert_close(given, wanted, rtol=1e-4, atol=1e-5)
    # Weights in half precision are folded in float32, and rounded when the rest is.
    stored = copy.deepcopy(network).half()
    fold_constants(stored)
    assert {module.value.dtype for module in stored.modules() if isinstance(module, Constant)} == {torch.float32}
    torch.testing.assert_close(stored.float()(images).logits, expected.logits, rtol=0.1, atol=0.05)
