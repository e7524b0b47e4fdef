# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Bottleneck blocks that bring the four features to the widths the head takes.

Source: specification section 4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Bottleneck(nn.Module):
    """ResNet bottleneck with GroupNorm: (B, in, H, W) to (B, out, H, W).

    The shortcut is projected where the widths differ and is the feature itself where they do not.
    Convolutions have no bias and start from a Kaiming normal, fan-out.

    Args:
        in_channels: width of the feature.
        inner_channels: width of the 3x3 convolution.
        out_channels: width of the result.
        norm_groups: GroupNorm groups.
    """

    def __init__(self, in_channels: int, inner_channels: int, out_channels: int, norm_groups: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, inner_channels, 1, bias=False)
        self.norm1 = nn.GroupNorm(norm_groups, inner_channels)
        self.conv2 = nn.Conv2d(inner_channels, inner_channels, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(norm_groups, inner_channels)
        self.conv3 = nn.Conv2d(inner_channels, out_channels, 1, bias=False)
        self.norm3 = nn.GroupNorm(norm_groups, out_channels)
        self.shortcut: nn.Module = nn.Identity()
        self.shortcut_norm: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, bias=False)
            self.shortcut_norm = nn.GroupNorm(norm_groups, out_channels)
        for module in self.children():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Project one feature."""
        inner = F.relu(self.norm1(self.conv1(feature)))
        inner = F.relu(self.norm2(self.conv2(inner)))
        return F.relu(self.norm3(self.conv3(inner)) + self.shortcut_norm(self.shortcut(feature)))
