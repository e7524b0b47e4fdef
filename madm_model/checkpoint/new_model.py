# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""An untrained model: Stable Diffusion's weights, and everything else as training begins with it."""

from __future__ import annotations

from pathlib import Path

import torch

from madm_model.checkpoint.hub import find_base
from madm_model.checkpoint.model_folder import build_on_meta, save_new_model
from madm_model.checkpoint.official import OFFICIAL_INPUT_SIZE
from madm_model.checkpoint.stable_diffusion import load_empty_prompt, load_unet, load_vae, read_architecture
from madm_model.labels import LabelSet
from madm_model.model_config import MODALITIES, ModelConfig, ModelError
from madm_model.network import MADM
from madm_model.network.madm import fresh_own_parts


def new_model(
    base: Path, label_set: LabelSet, modality: str, name: str, seed: int = 0, any_size: bool = False
) -> tuple[MADM, ModelConfig]:
    """Build a model that is ready to be trained.

    UNet, VAE and the empty prompt's embedding are the base's; condition, projections and head are initialised as
    officially (specification sections 4 to 6), the noise is the one of section 7.

    Args:
        base: folder of Stable Diffusion v1-4 in diffusers' layout.
        label_set: classes of the head.
        modality: what it is to be trained for, see `ModelConfig`.
        name: the model's id.
        seed: decides everything that is initialised.
        any_size: see `stable_diffusion.read_architecture`.

    Returns:
        The network in float32 on the CPU, and its configuration.

    Raises:
        ModelError: the base lacks something, is damaged or is another network; or there is no such modality.
    """
    architecture = read_architecture(base, any_size)
    config = ModelConfig(name, architecture, label_set, modality, OFFICIAL_INPUT_SIZE, keep_aspect=False)
    network = build_on_meta(config)  # no memory for weights that the base brings
    assert isinstance(network, MADM)
    prompt = load_empty_prompt(base)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network.condition, network.projections, network.head = fresh_own_parts(architecture, len(label_set))
    _bring(base, "unet", network.unet, load_unet(base))
    _bring(base, "vae", network.vae, load_vae(base))
    if prompt.shape != network.uncond_inputs.shape:
        raise ModelError(
            f"{base} is no Stable Diffusion v1: its text_encoder gives {tuple(prompt.shape[1:])} values for a prompt, "
            f"its unet takes {tuple(network.uncond_inputs.shape[1:])}"
        )
    network.uncond_inputs = prompt
    return network.float(), config


def new_model_folder(
    base: str, out: Path, label_set: LabelSet, modality: str, seed: int = 0, any_size: bool = False
) -> tuple[MADM, ModelConfig]:
    """Build a model as `new_model` does, and write it to a new folder that it is named after.

    Args:
        base: folder of Stable Diffusion v1-4, or the name of a hub repository, see `hub.find_base`.
        out: must not exist.
        label_set: see `new_model`, as for the rest.
        modality: likewise.
        seed: likewise.
        any_size: likewise.

    Raises:
        ModelError: as `find_base` and `new_model`; or the folder exists, or cannot be written.
    """
    # What a user can have got wrong is told before gigabytes are fetched for it.
    if out.exists():
        raise ModelError(f"{out} exists already: remove it or choose another --out")
    if modality not in MODALITIES:
        raise ModelError(f"unknown modality '{modality}': use one of {', '.join(MODALITIES)}")
    network, config = new_model(find_base(base), label_set, modality, out.name, seed, any_size)
    save_new_model(out, network, config)
    return network, config


def _bring(base: Path, part: str, module: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Give a part of the network the base's weights."""
    wanted = {name: tensor.shape for name, tensor in module.state_dict().items()}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if differing := sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)):
        raise ModelError(
            f"{base} does not hold the weights that its {part}/config.json describes: {len(differing)} tensors are "
            f"missing, unknown or of another size, {differing[0]} for one"
        )
    module.load_state_dict(tensors, assign=True)
