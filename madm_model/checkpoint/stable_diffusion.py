# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a checkpoint may take from a local folder of Stable Diffusion v1-4, in diffusers' layout."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from madm_model.model_config import ModelError

START_TOKEN, END_TOKEN, TOKENS = 49406, 49407, 77
"""CLIP's begin and end of text; the end also pads. Length of a prompt."""


def load_vae(base: Path) -> dict[str, torch.Tensor]:
    """The VAE's tensors, under diffusers' names, older ones included.

    Raises:
        ModelError: the folder has no readable vae/diffusion_pytorch_model.safetensors.
    """
    path = base / "vae" / "diffusion_pytorch_model.safetensors"
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{base} is no Stable Diffusion folder: {path} cannot be read ({error})") from None


def load_empty_prompt(base: Path) -> torch.Tensor:
    """The empty prompt's embedding, float32 (1, 77, width): the text encoder's last hidden state.

    Specification section 5: the begin token, then end tokens up to the full length, no padding mask.

    Raises:
        ModelError: the folder has no readable text_encoder.
    """
    from transformers import CLIPTextModel

    try:
        encoder = CLIPTextModel.from_pretrained(base / "text_encoder", local_files_only=True, dtype=torch.float32)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{base} is no Stable Diffusion folder: its text_encoder cannot be read ({reason})") from None
    with torch.no_grad():
        tokens = torch.tensor([[START_TOKEN] + [END_TOKEN] * (TOKENS - 1)])
        return encoder(input_ids=tokens).last_hidden_state
