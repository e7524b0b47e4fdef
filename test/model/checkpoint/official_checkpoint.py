# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""An official checkpoint in miniature: our own network under the official names.

Written out from specification section 3, independently of the importer's rules.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from madm_model.architecture import TINY, Architecture
from madm_model.network import MADM

SMALL: Architecture = replace(
    TINY,
    name="test-small",
    unet_block_out_channels=(16, 16, 16, 16),
    unet_norm_num_groups=4,
    cross_attention_dim=16,
    prompt_tokens=4,
    vae_block_out_channels=(8, 8, 8),
    vae_norm_num_groups=4,
    vae_mid_attention=True,
    projection_bottleneck=8,
    projection_out=(8, 8, 8, 8),
    projection_norm_num_groups=4,
    head_channels=8,
)

EXTRACTOR = "backbone.feature_extractor.ldm_extractor."
CONDITION = "backbone.feature_extractor.clip_project_others."
CONDITION_ALIAS = "backbone.feature_extractor.clip_project_rgb."


def small_network(num_classes: int = 11) -> MADM:
    torch.manual_seed(0)
    return MADM(SMALL, num_classes).eval()


def official_tensors(network: MADM) -> dict[str, torch.Tensor]:
    """The network's tensors under their official names, duplicates and unneeded parts included."""
    tensors: dict[str, torch.Tensor] = {
        f"{EXTRACTOR}shared_noise": network.shared_noise,
        f"{EXTRACTOR}uncond_inputs": network.uncond_inputs,
        f"{EXTRACTOR}text_encoder.text_model.embeddings.position_ids": torch.zeros(1, 77),
    }
    tensors |= {f"{EXTRACTOR}unet.{name}": value for name, value in network.unet.state_dict().items()}
    tensors |= {f"{EXTRACTOR}vae.{name}": value for name, value in network.vae.state_dict().items()}
    for name, value in network.condition.state_dict().items():
        tensors[CONDITION + name] = value
        tensors[CONDITION_ALIAS + name] = value.clone()
        tensors[f"backbone.feature_extractor.ema_clip_project_others.{name}"] = value + 1
    for index, projection in enumerate(network.projections):
        for name, value in projection.state_dict().items():
            for norm, official in (("shortcut_norm", "shortcut.norm"), ("norm1", "conv1.norm")):
                name = name.replace(norm, official)
            name = name.replace("norm2", "conv2.norm").replace("norm3", "conv3.norm")
            tensors[f"backbone.feature_projections.{index}.0.{name}"] = value
            tensors[f"backbone.ema_feature_projections.{index}.0.{name}"] = value + 1
    for name, value in _official_head(network).items():
        tensors[f"sem_seg_head.{name}"] = value
        tensors[f"sem_seg_head_sec_modal.{name}"] = value.clone()
        tensors[f"ema_sem_seg_head.{name}"] = value + 1
    return tensors


def _official_head(network: MADM) -> dict[str, torch.Tensor]:
    head = network.head
    tensors = {"conv_seg.weight": head.classifier.weight.detach(), "conv_seg.bias": head.classifier.bias.detach()}
    for index, embed in enumerate(head.embed):
        tensors[f"embed_layers.{index}.proj.weight"] = embed.weight.detach()[:, :, 0, 0]
        tensors[f"embed_layers.{index}.proj.bias"] = embed.bias.detach()
    convolutions = {"bottleneck": head.bottleneck, "aspp_modules.0": head.aspp[0]}
    for index in (1, 2, 3):
        convolutions[f"aspp_modules.{index}.depthwise_conv"] = head.aspp[index][0]
        convolutions[f"aspp_modules.{index}.pointwise_conv"] = head.aspp[index][1]
    for prefix, module in convolutions.items():
        tensors[f"fuse_layer.{prefix}.conv.weight"] = module.conv.weight.detach()
        for name, value in module.norm.state_dict().items():
            tensors[f"fuse_layer.{prefix}.bn.{name}"] = value
    return tensors
