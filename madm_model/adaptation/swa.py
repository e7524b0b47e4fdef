# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Stochastic weight averaging: the mean of the trained weights over the last part of a training.

A small network that learns from few images goes to and fro between them: one class is found more often after this step,
another after the next. The mean of many steps is better than most of them (Izmailov et al., "Averaging Weights Leads to
Wider Optima and Better Generalization", UAI 2018). Neither the paper nor the released code does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from madm_model.network.madm import MADM


class StochasticWeightAverage:
    """Plain mean of a network's trained parameters after every step from one on.

    Attributes:
        count: steps that the mean is of; 0: none yet.
        mean: name of a trained parameter to its mean, float32, on the network's device; empty before the first.
    """

    def __init__(self, network: MADM, first: int) -> None:
        """Watch a network that is trained elsewhere; what is trained is marked by `requires_grad`.

        Args:
            network: the one.
            first: number of the first iteration after which its weights are taken, counted from 0.
        """
        self._network = network
        self._first = first
        self.count = 0
        self.mean: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def update(self, iteration: int) -> None:
        """Take the weights after an iteration into the mean."""
        if iteration < self._first:
            return
        self.count += 1
        for name, value in self._network.named_parameters():
            if value.requires_grad and self.count == 1:
                self.mean[name] = value.float().clone()
            elif value.requires_grad:
                self.mean[name].lerp_(value.float(), 1 / self.count)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have the network with the mean as its weights for a while, if there is one."""
        own = {name: self._network.get_parameter(name).detach().clone() for name in self.mean}
        self._network.load_state_dict(self.mean, strict=False)
        try:
            yield
        finally:
            self._network.load_state_dict(own, strict=False)

    def state_dict(self) -> dict[str, torch.Tensor | int]:
        """Count and mean, to go on from."""
        return {"count": self.count, **self.mean}

    def load_state_dict(self, state: dict[str, torch.Tensor | int]) -> None:
        """Go on from what `state_dict` gave."""
        device = self._network.shared_noise.device
        self.count = int(state["count"])
        self.mean = {name: value.to(device) for name, value in state.items() if isinstance(value, torch.Tensor)}
