# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The diffusers parts of MADM: UNet, VAE and noise schedule, configured and otherwise unmodified.

Source: specification sections 1, 2 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import nn

from madm_model.architecture import Architecture

LATENT_CHANNELS = 4


def build_unet(architecture: Architecture) -> UNet2DConditionModel:
    """A UNet with fresh weights.

    Its `class_labels` argument takes MADM's learned time vector, (B, time width): diffusers adds it, as the
    "identity" class embedding, to the output of `unet.time_embedding` and to nothing else. No parameter comes with it.
    """
    return UNet2DConditionModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=architecture.unet_block_out_channels,
        down_block_types=architecture.unet_down_block_types,
        up_block_types=tuple(name.replace("Down", "Up") for name in reversed(architecture.unet_down_block_types)),
        layers_per_block=architecture.unet_layers_per_block,
        attention_head_dim=architecture.unet_attention_heads,
        cross_attention_dim=architecture.cross_attention_dim,
        norm_num_groups=architecture.unet_norm_num_groups,
        class_embed_type="identity",
    )


def build_vae(architecture: Architecture) -> AutoencoderKL:
    """A VAE with fresh weights: images (B, 3, H, W) in [-1, 1] to latents of 4 channels and back."""
    blocks = len(architecture.vae_block_out_channels)
    return AutoencoderKL(
        latent_channels=LATENT_CHANNELS,
        block_out_channels=architecture.vae_block_out_channels,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        layers_per_block=architecture.vae_layers_per_block,
        norm_num_groups=architecture.vae_norm_num_groups,
        mid_block_add_attention=architecture.vae_mid_attention,
        scaling_factor=architecture.latent_scaling,
    )


def build_scheduler() -> DDPMScheduler:
    """Stable Diffusion's forward process: 1000 steps, scaled-linear betas from 0.00085 to 0.012."""
    with torch.device("cpu"):  # its table is needed even where a network is built without memory
        return DDPMScheduler(1000, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)


def tapped_modules(unet: UNet2DConditionModel) -> list[nn.Module]:
    """The modules whose outputs are MADM's features, finest first: s3, s4, s5 (taps 11, 8 and 5).

    A tap is the last resnet-attention pair of an up block, before its upsampler: the attention, or the resnet in a
    block without attention.
    """
    return [
        (getattr(block, "attentions", None) or block.resnets)[-1]
        for block in (unet.up_blocks[3], unet.up_blocks[2], unet.up_blocks[1])
    ]


@contextmanager
def record_outputs(modules: list[nn.Module]) -> Iterator[list[torch.Tensor]]:
    """Collect the outputs of modules during one forward pass inside the `with` block.

    The list is complete after the pass, in the order of `modules`.
    """
    outputs: list[torch.Tensor] = [torch.empty(0)] * len(modules)

    def keep(index: int):
        def hook(_module: nn.Module, _inputs: tuple, output: torch.Tensor | tuple) -> None:
            outputs[index] = output if isinstance(output, torch.Tensor) else output[0]

        return hook

    handles = [module.register_forward_hook(keep(index)) for index, module in enumerate(modules)]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()
