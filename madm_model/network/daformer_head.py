# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The DAFormer head: embeds four features, fuses them with separable atrous convolutions, classifies every pixel.

Source: specification section 6; Hoyer et al., "DAFormer", CVPR 2022.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

DILATIONS = (6, 12, 18)


class ConvNormReLU(nn.Module):
    """Convolution without bias, BatchNorm, ReLU; keeps height and width. Kaiming normal init, fan-out."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int, dilation: int = 1, groups: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, padding=padding, dilation=dilation, groups=groups, bias=False
        )
        self.norm: nn.Module = nn.BatchNorm2d(out_channels)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H, W)."""
        return F.relu(self.norm(self.conv(feature)), inplace=True)

    def fold_norm(self) -> None:
        """Fold the BatchNorm's running statistics into the convolution: same result, for inference only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv.eval(), self.norm.eval())
            self.norm = nn.Identity()


class DAFormerHead(nn.Module):
    """Four projected features to class logits at the size of the first feature.

    Args:
        in_channels: widths of the features s0, s3, s4, s5.
        channels: width inside the head.
        num_classes: number of classes K.
    """

    def __init__(self, in_channels: Sequence[int], channels: int, num_classes: int) -> None:
        super().__init__()
        fused = channels * len(in_channels)
        # A linear layer over pixels, written as the 1x1 convolution it is.
        self.embed = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in in_channels)
        self.aspp = nn.ModuleList([ConvNormReLU(fused, channels, 1)])
        for dilation in DILATIONS:
            depthwise = ConvNormReLU(fused, fused, 3, dilation, groups=fused)
            self.aspp.append(nn.Sequential(depthwise, ConvNormReLU(fused, channels, 1)))
        self.bottleneck = ConvNormReLU(channels * len(self.aspp), channels, 3)
        self.dropout = nn.Dropout2d(0.1)
        self.classifier = nn.Conv2d(channels, num_classes, 1)

    def forward(self, features: Sequence[torch.Tensor]) -> torch.Tensor:
        """Fuse and classify.

        Args:
            features: s0 (B, C0, H, W) and the smaller s3, s4, s5, any sizes; s0's size is the result's.

        Returns:
            Logits, (B, K, H, W).
        """
        size = features[0].shape[-2:]
        embedded = [embed(feature) for embed, feature in zip(self.embed, features)]
        upsampled = [F.interpolate(level, size=size, mode="bilinear", align_corners=False) for level in embedded]
        fused = torch.cat(upsampled, dim=1)
        fused = self.bottleneck(torch.cat([branch(fused) for branch in self.aspp], dim=1))
        return self.classifier(self.dropout(fused))

    def fold_norms(self) -> None:
        """Fold every BatchNorm into its convolution: same result in evaluation mode, no training afterwards."""
        for module in self.modules():
            if isinstance(module, ConvNormReLU):
                module.fold_norm()
