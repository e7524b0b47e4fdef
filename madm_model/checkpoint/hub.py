# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A base by its name: a folder, or a repository of the Hugging Face hub, of which only the needed files are fetched."""

from __future__ import annotations

from pathlib import Path

from madm_model.model_config import ModelError

UNET, VAE, TEXT_ENCODER, TOKENIZER = "unet", "vae", "text_encoder", "tokenizer"
"""Folders of a base, as diffusers names them."""

CONFIG = "config.json"
DIFFUSERS_WEIGHTS, TRANSFORMERS_WEIGHTS = "diffusion_pytorch_model.safetensors", "model.safetensors"

_FILES = (
    *(f"{part}/{name}" for part in (UNET, VAE) for name in (CONFIG, DIFFUSERS_WEIGHTS)),
    *(f"{TEXT_ENCODER}/{name}" for name in (CONFIG, TRANSFORMERS_WEIGHTS)),
    f"{TOKENIZER}/*",
)
"""The rest of a repository is other formats and precisions of the same, and what checks generated images."""


def find_base(name: str) -> Path:
    """The folder of Stable Diffusion's weights.

    Args:
        name: a folder in diffusers' layout, or OWNER/NAME of a repository, which is fetched into the hub's cache unless
            it is there. Cache, token, endpoint and offline mode are those of huggingface_hub: HF_HOME, HF_TOKEN,
            HF_ENDPOINT, HF_HUB_OFFLINE.

    Raises:
        ModelError: there is no such folder, and no repository that can be fetched.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or name.count("/") != 1 or name.startswith((".", "~")):
        raise ModelError(f"there is no folder {name}: give one of Stable Diffusion v1-4, or OWNER/NAME of a repository")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=list(_FILES)))
    except Exception as error:  # the hub's client passes on errors of the libraries that it is built on
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(
            f"there is no folder {name}, and the repository of that name cannot be fetched: {reason}"
        ) from None
