# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What is taken from a local folder of Stable Diffusion v1-4, in diffusers' layout."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from madm_model.architecture import SD14, Architecture
from madm_model.checkpoint.hub import CONFIG, DIFFUSERS_WEIGHTS, TEXT_ENCODER, TOKENIZER, UNET, VAE
from madm_model.io.json_files import read_object
from madm_model.model_config import ModelError

START_TOKEN, END_TOKEN, TOKENS = 49406, 49407, 77
"""CLIP's begin and end of text; the end also pads. Length of a prompt."""

_SIZES = {
    "unet_block_out_channels": (UNET, "block_out_channels"),
    "unet_down_block_types": (UNET, "down_block_types"),
    "unet_layers_per_block": (UNET, "layers_per_block"),
    "unet_attention_heads": (UNET, "attention_head_dim"),
    "unet_norm_num_groups": (UNET, "norm_num_groups"),
    "cross_attention_dim": (UNET, "cross_attention_dim"),
    "prompt_tokens": (TEXT_ENCODER, "max_position_embeddings"),
    "vae_block_out_channels": (VAE, "block_out_channels"),
    "vae_layers_per_block": (VAE, "layers_per_block"),
    "vae_norm_num_groups": (VAE, "norm_num_groups"),
    "vae_mid_attention": (VAE, "mid_block_add_attention"),
    "latent_scaling": (VAE, "scaling_factor"),
}
"""Where a base has a field of `Architecture`."""

_SINCE_LATER = {name: getattr(SD14, name) for name in ("vae_norm_num_groups", "vae_mid_attention", "latent_scaling")}
"""Fields that older folders lack, and what they mean by that."""

_FIXED = {
    (UNET, "in_channels"): 4,
    (UNET, "out_channels"): 4,
    (UNET, "use_linear_projection"): False,
    (UNET, "only_cross_attention"): False,
    (UNET, "class_embed_type"): None,
    (UNET, "addition_embed_type"): None,
    (VAE, "latent_channels"): 4,
}
"""What the network takes for granted, where a base says it."""

_OLDER_ATTENTION = (("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0"))
"""The VAE's attention as diffusers named it before 0.17."""


def read_architecture(base: Path, any_size: bool = False) -> Architecture:
    """The network that a base makes.

    Args:
        base: folder of Stable Diffusion.
        any_size: also take other sizes than those of Stable Diffusion v1, such as a miniature's; projections and head
            are then as much narrower or wider than the paper's as the UNet is.

    Returns:
        `SD14`, or an architecture named after the folder.

    Raises:
        ModelError: a part of the base is missing, or it is another network than Stable Diffusion v1.
    """
    configs = {part: _read_config(base, part) for part in (UNET, VAE, TEXT_ENCODER)}
    for (part, name), value in _FIXED.items():
        if (found := configs[part].get(name, value)) != value:
            raise ModelError(
                f"{base} is no Stable Diffusion v1: {name} of its {part} is {found!r} in place of {value!r}"
            )
    sizes: dict[str, Any] = {}
    for field, (part, name) in _SIZES.items():
        sizes[field] = configs[part].get(name, _SINCE_LATER.get(field))
        wanted = getattr(SD14, field)
        wanted = list(wanted) if isinstance(wanted, tuple) else wanted
        if not any_size and sizes[field] != wanted:
            raise _other(base, part, name, sizes[field], wanted)
    if not any_size:
        return SD14
    try:
        found = Architecture.from_dict(json.loads(json.dumps(SD14.to_dict())) | sizes | {"name": base.name})
    except ValueError as error:
        raise ModelError(f"{base} makes no network of this kind: {error}") from None
    return _with_own_parts_to_scale(found)


def _with_own_parts_to_scale(base: Architecture) -> Architecture:
    """Projections and head in the proportion that the paper's have to its UNet, in whole groups of eight channels."""
    scale = base.unet_block_out_channels[0] / SD14.unet_block_out_channels[0]

    def scaled(width: int) -> int:
        return max(1, round(width * scale / 8)) * 8

    widths = [scaled(SD14.projection_bottleneck), *map(scaled, SD14.projection_out), scaled(SD14.head_channels)]
    sizes = {
        "projection_bottleneck": widths[0],
        "projection_out": widths[1:5],
        "projection_norm_num_groups": math.gcd(SD14.projection_norm_num_groups, *widths[:5]),
        "head_channels": widths[5],
    }
    return Architecture.from_dict(json.loads(json.dumps(base.to_dict())) | sizes)


def load_unet(base: Path) -> dict[str, torch.Tensor]:
    """The UNet's tensors, under diffusers' names.

    Raises:
        ModelError: the folder has no readable unet/diffusion_pytorch_model.safetensors.
    """
    return _load(base, UNET)


def load_vae(base: Path) -> dict[str, torch.Tensor]:
    """The VAE's tensors, under diffusers' present names.

    Raises:
        ModelError: the folder has no readable vae/diffusion_pytorch_model.safetensors.
    """
    return {present_vae_name(name): tensor for name, tensor in _load(base, VAE).items()}


def present_vae_name(name: str) -> str:
    """The present name of a tensor of the VAE, whatever release of diffusers named it."""
    for older, present in _OLDER_ATTENTION:
        name = re.sub(rf"(\.attentions\.\d+)\.{older}\.", rf"\1.{present}.", name)
    return name


def load_empty_prompt(base: Path) -> torch.Tensor:
    """The empty prompt's embedding, float32 (1, tokens, width): the text encoder's last hidden state.

    Specification section 5: the begin token, then end tokens up to the full length, no padding mask. The tokens are
    those of the base's tokenizer, CLIP's where it has none.

    Raises:
        ModelError: the folder has no readable text_encoder, or its tokenizer cannot be read or does not fit.
    """
    from transformers import CLIPTextModel

    try:
        encoder, loaded = CLIPTextModel.from_pretrained(
            base / TEXT_ENCODER, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # as many kinds as there are kinds of damage
        raise _unreadable(base, TEXT_ENCODER, error) from None
    if loaded["missing_keys"]:  # transformers would go on with random ones
        raise ModelError(f"{base} is no Stable Diffusion folder: its {TEXT_ENCODER} lacks weights")
    tokens = _empty_prompt(base, encoder.config.max_position_embeddings)
    if tokens.max() >= encoder.config.vocab_size:
        raise ModelError(
            f"{base} is no Stable Diffusion folder: its {TOKENIZER} has more words than its {TEXT_ENCODER}"
        )
    with torch.no_grad():
        return encoder(input_ids=tokens).last_hidden_state


def _empty_prompt(base: Path, length: int) -> torch.Tensor:
    """Tokens of the empty prompt, int64 (1, length)."""
    if not (base / TOKENIZER).is_dir():
        return torch.tensor([[START_TOKEN] + [END_TOKEN] * (length - 1)])
    from transformers import CLIPTokenizer

    try:
        tokenizer = CLIPTokenizer.from_pretrained(base / TOKENIZER, local_files_only=True)
        tokens = tokenizer("", padding="max_length", max_length=length, truncation=True).input_ids
    except Exception as error:  # as many kinds as there are kinds of damage
        raise _unreadable(base, TOKENIZER, error) from None
    return torch.tensor([tokens])


def _load(base: Path, part: str) -> dict[str, torch.Tensor]:
    path = base / part / DIFFUSERS_WEIGHTS
    try:
        return load_file(path)
    except FileNotFoundError:
        raise ModelError(
            f"{base} is no Stable Diffusion folder: it has no {part}/{DIFFUSERS_WEIGHTS} (older copies have .bin, "
            "which is not read: fetch it again)"
        ) from None
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{base} is no Stable Diffusion folder: {path} cannot be read ({error})") from None


def _read_config(base: Path, part: str) -> dict[str, Any]:
    path = base / part / CONFIG
    try:
        config = read_object(path)
    except FileNotFoundError:
        raise ModelError(f"{base} is no Stable Diffusion folder: it has no {part}/{CONFIG}") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{base} is no Stable Diffusion folder: {path} cannot be read ({error})") from None
    return config.get("text_config", config) if part == TEXT_ENCODER else config


def _other(base: Path, part: str, name: str, found: Any, wanted: Any) -> ModelError:
    return ModelError(f"{base} is no Stable Diffusion v1: {name} of its {part} is {found!r} in place of {wanted!r}")


def _unreadable(base: Path, part: str, error: Exception) -> ModelError:
    reason = str(error).split("\n")[0]
    return ModelError(f"{base} is no Stable Diffusion folder: its {part} cannot be read ({reason})")
