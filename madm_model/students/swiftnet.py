# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A quick convolutional network: residual stages down to 1/32, pyramid pooling, and a light ladder back up to 1/4.

Source: Orsic et al., "In Defense of Pre-trained ImageNet Architectures for Real-time Semantic Segmentation of
Road-driving Images", CVPR 2019 (SwiftNet-RN18, single scale), at half its width and with BatchNorm after convolutions.
It is made of plain 3x3 and 1x1 convolutions alone, so that the norms fold away and every runtime is quick at it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from madm_model.students.architecture import SwiftNetArchitecture
from madm_model.students.output import StudentOutput

POOL_GRIDS = (8, 4, 2, 1)
"""Rows of the pyramid pooling's grids; columns follow the aspect ratio, but the last is one cell of everything."""


class ConvNorm(nn.Module):
    """Convolution without bias and BatchNorm; an odd kernel at stride 1 keeps height and width."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        return self.norm(self.conv(feature))

    def fold_norm(self) -> None:
        """Fold the BatchNorm's running statistics into the convolution: same result, for inference only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv.eval(), self.norm.eval())
            self.norm = nn.Identity()


class ResidualBlock(nn.Module):
    """The basic block of ResNet-18: two 3x3 convolutions beside an identity or a 1x1 convolution."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.first = ConvNorm(in_channels, out_channels, 3, stride)
        self.second = ConvNorm(out_channels, out_channels)
        same = stride == 1 and in_channels == out_channels
        self.shortcut = nn.Identity() if same else ConvNorm(in_channels, out_channels, 1, stride)
        nn.init.zeros_(self.second.norm.weight)  # a fresh block passes its input on

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        return F.relu(self.second(F.relu(self.first(feature))) + self.shortcut(feature))


class PyramidPooling(nn.Module):
    """Spatial pyramid pooling: what is in the whole picture, its halves, quarters and eighths, told to every place."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        level = out_channels // len(POOL_GRIDS)
        self.reduce = ConvNorm(in_channels, out_channels, 1)
        self.levels = nn.ModuleList(ConvNorm(out_channels, level, 1) for _ in POOL_GRIDS)
        self.fuse = ConvNorm(out_channels + level * len(POOL_GRIDS), out_channels, 1)

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H, W)."""
        feature = F.relu(self.reduce(feature))
        height, width = feature.shape[-2:]
        parts = [feature]
        for grid, level in zip(POOL_GRIDS, self.levels):
            columns = max(1, round(grid * width / height)) if grid > 1 else 1
            cells = min(grid, height), min(columns, width)
            pooled = F.relu(level(F.adaptive_avg_pool2d(feature, cells)))
            parts.append(F.interpolate(pooled, (height, width), mode="bilinear", align_corners=False))
        return F.relu(self.fuse(torch.cat(parts, dim=1)))


class SwiftNet(nn.Module):
    """The whole network, with fresh weights.

    Args:
        architecture: sizes.
        num_classes: number of classes K.
    """

    def __init__(self, architecture: SwiftNetArchitecture, num_classes: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.num_classes = num_classes
        widths, decoder = architecture.widths, architecture.decoder_width
        self.stem = nn.Sequential(ConvNorm(3, widths[0], 3, 2), nn.ReLU(), ConvNorm(widths[0], widths[0], 3, 2))
        stages, previous = [], widths[0]
        for index, (width, blocks) in enumerate(zip(widths, architecture.blocks)):
            strides = [1 if index == 0 else 2, *[1] * (blocks - 1)]
            inputs = [previous, *[width] * (blocks - 1)]
            stages.append(nn.Sequential(*(ResidualBlock(inner, width, s) for inner, s in zip(inputs, strides))))
            previous = width
        self.stages = nn.ModuleList(stages)
        self.pooling = PyramidPooling(widths[3], decoder)
        self.laterals = nn.ModuleList(ConvNorm(width, decoder, 1) for width in widths[:3])
        self.blends = nn.ModuleList(ConvNorm(decoder, decoder) for _ in widths[:3])
        self.classifier = nn.Conv2d(decoder, num_classes, 1)

    def forward(self, images: torch.Tensor) -> StudentOutput:
        """Segment a batch.

        Args:
            images: (B, 3, H, W) in [-1, 1]; H and W are multiples of `architecture.size_multiple`.
        """
        # 1. Down: features at 1/4, 1/8, 1/16 and 1/32
        feature = F.relu(self.stem(images))
        features = []
        for stage in self.stages:
            feature = stage(feature)
            features.append(feature)

        # 2. The whole picture
        feature = self.pooling(features[3])  # (B, decoder, H/32, W/32)

        # 3. Up again, fine features added on the way
        for level in (2, 1, 0):
            fine = self.laterals[level](features[level])
            feature = fine + F.interpolate(feature, fine.shape[-2:], mode="bilinear", align_corners=False)
            feature = F.relu(self.blends[level](feature))
        return StudentOutput(self.classifier(feature))  # (B, K, H/4, W/4)

    def fold_norms(self) -> None:
        """Fold every BatchNorm into its convolution: same result in evaluation mode, no training afterwards."""
        for module in self.modules():
            if isinstance(module, ConvNorm):
                module.fold_norm()
