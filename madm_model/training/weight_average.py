# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The running average of a network's weights."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, momentum: float) -> None:
    """Move a running average a step towards a network, the norms' statistics included."""
    for mean, value in zip(average.state_dict().values(), network.state_dict().values()):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - momentum)
        else:
            mean.copy_(value)


def rising_momentum(iteration: int, largest: float) -> float:
    """Momentum of an average that begins with the network itself: short at first, so that it forgets how that began.

    Args:
        iteration: from 0.
        largest: which it comes to.
    """
    return min(largest, (1 + iteration) / (10 + iteration))
