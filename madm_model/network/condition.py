# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What conditions the UNet in place of a text prompt: learned prompt and time embeddings.

Source: specification section 5.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

UNCOND_SEED = 42


class Conditioning(NamedTuple):
    """The UNet's two conditions, the same for every image."""

    prompt: torch.Tensor
    """(1, tokens, cross_attention_dim): takes the place of the encoded text."""
    time: torch.Tensor
    """(1, time width): added to the timestep's embedding."""


class Condition(nn.Module):
    """A learned mix of the empty prompt's embedding U and a learned prompt, and a learned time vector.

    prompt = tanh(alpha_uncond) U + tanh(alpha_cond) prompt_embed; time = tanh(alpha_time) time_embed.
    Inits are the official ones; the time vector starts at 0.

    Args:
        tokens: number of prompt tokens.
        token_width: width of a prompt token.
        time_width: width of the UNet's time embedding.
    """

    def __init__(self, tokens: int, token_width: int, time_width: int) -> None:
        super().__init__()
        self.prompt_embed = nn.Parameter(torch.empty(1, tokens, token_width))
        self.alpha_cond_prompt = nn.Parameter(torch.empty(1, tokens, token_width))
        self.alpha_uncond_prompt = nn.Parameter(torch.empty(1, tokens, token_width))
        self.time_embed = nn.Parameter(torch.empty(1, 1, time_width))
        self.alpha_cond_time = nn.Parameter(torch.zeros(time_width))
        nn.init.trunc_normal_(self.prompt_embed, std=0.02)
        nn.init.uniform_(self.alpha_cond_prompt)
        nn.init.uniform_(self.alpha_uncond_prompt)
        nn.init.trunc_normal_(self.time_embed, std=0.02)

    def forward(self, uncond_inputs: torch.Tensor) -> Conditioning:
        """Mix the conditions.

        Args:
            uncond_inputs: U, (1, tokens, token_width).
        """
        prompt = (
            torch.tanh(self.alpha_uncond_prompt) * uncond_inputs
            + torch.tanh(self.alpha_cond_prompt) * self.prompt_embed
        )
        return Conditioning(prompt, torch.tanh(self.alpha_cond_time) * self.time_embed[0])


def make_uncond_inputs(tokens: int, token_width: int) -> torch.Tensor:
    """A stand-in for the empty prompt's embedding, for networks that have no text encoder.

    Standard normal values from the CPU generator with seed 42, float32 (1, tokens, token_width): CLIP's last layer
    norm gives values of about that scale. A network imported from a checkpoint gets the checkpoint's embedding.
    """
    generator = torch.Generator("cpu").manual_seed(UNCOND_SEED)
    return torch.randn(1, tokens, token_width, generator=generator, device="cpu")
