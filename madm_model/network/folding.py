# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Computes beforehand what is the same for every image, in float32 whatever the network runs in.

Source: specification section 19. It is exact: the same operations, done once.
"""

from __future__ import annotations

import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from torch import nn

from madm_model.network.madm import MADM


class Constant(nn.Module):
    """Gives the same value whatever comes in.

    Args:
        value: (1, ...); repeated over the batch.
    """

    def __init__(self, value: torch.Tensor) -> None:
        super().__init__()
        self.value: torch.Tensor
        self.register_buffer("value", value)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The value, (B, ...)."""
        return self.value.expand(inputs.shape[0], *self.value.shape[1:])


@torch.no_grad()
def fold_constants(network: MADM) -> None:
    """Fold the head's norms, the learned prompt's keys and values, and the time embedding at diffusion step 0.

    The network is for inference at step 0 afterwards, and cannot be trained or saved.

    Args:
        network: in evaluation mode, in any number format; what is folded is left in float32.
    """
    network.head.float().fold_norms()
    prompt, learned_time = network.condition.float()(network.uncond_inputs.float())
    unet = network.unet
    step = unet.time_proj(torch.zeros(1, device=prompt.device))
    time = unet.time_embedding.float()(step) + learned_time  # (1, time width)
    for module in unet.modules():
        if isinstance(module, ResnetBlock2D):
            module.time_emb_proj = Constant(module.time_emb_proj.float()(module.nonlinearity(time)))
        elif isinstance(module, BasicTransformerBlock):
            module.attn2.to_k = Constant(module.attn2.to_k.float()(prompt))
            module.attn2.to_v = Constant(module.attn2.to_v.float()(prompt))
