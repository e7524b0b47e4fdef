# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The running average of weights."""

from __future__ import annotations

import torch

from madm_model.training.weight_average import follow, rising_momentum


def test_an_average_follows_weights_and_statistics() -> None:
    average, network = torch.nn.BatchNorm2d(2), torch.nn.BatchNorm2d(2)
    torch.nn.init.constant_(network.weight, 3)
    network.running_mean += 2
    network.num_batches_tracked += 7
    follow(average, network, 0.75)
    assert average.weight.tolist() == [1.5, 1.5]
    assert average.running_mean.tolist() == [0.5, 0.5]
    assert average.num_batches_tracked == 7


def test_its_momentum_rises_to_the_largest() -> None:
    assert [rising_momentum(iteration, 0.5) for iteration in (0, 2, 8, 100)] == [0.1, 0.25, 0.5, 0.5]
