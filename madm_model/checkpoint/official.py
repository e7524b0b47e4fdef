# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Import of official MADM checkpoints: their names to this network's.

Source: specification section 3 (module tree and prefixes).
"""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from madm_model.architecture import Architecture
from madm_model.checkpoint.model_folder import build_on_meta, fill, save_new_model
from madm_model.checkpoint.stable_diffusion import load_empty_prompt, load_vae, present_vae_name
from madm_model.labels import STREET_9, STREET_11, LabelSet
from madm_model.model_config import ModelConfig, ModelError
from madm_model.network import MADM

LABEL_SETS: dict[int, LabelSet] = {len(labels): labels for labels in (STREET_11, STREET_9)}
"""The official label sets by their number of classes."""

OFFICIAL_INPUT_SIZE = (512, 512)

_EXTRACTOR = "backbone.feature_extractor."

_ALIASES = (
    (f"{_EXTRACTOR}clip_project_others.", f"{_EXTRACTOR}clip_project_rgb."),
    ("sem_seg_head_sec_modal.", "sem_seg_head."),
)
"""Prefixes of modules that are one object under two names; the first is the one official evaluation calls."""

_NOT_NEEDED = (
    f"{_EXTRACTOR}ldm_extractor.text_encoder.",
    f"{_EXTRACTOR}ema_clip_project_others.",
    "backbone.ema_feature_projections.",
    "ema_sem_seg_head.",
)
"""Prefixes that inference leaves aside: the text encoder, and the teacher's copies."""

_RENAMES = (
    (r"^backbone\.feature_extractor\.ldm_extractor\.(unet|vae|shared_noise|uncond_inputs)\b", r"\1"),
    (r"^backbone\.feature_extractor\.clip_project_others\.", "condition."),
    (r"^backbone\.feature_projections\.(\d)\.0\.", r"projections.\1."),
    (r"^(projections\.\d)\.conv(\d)\.norm\.", r"\1.norm\2."),
    (r"^(projections\.\d)\.shortcut\.norm\.", r"\1.shortcut_norm."),
    (r"^sem_seg_head_sec_modal\.", "head."),
    (r"^head\.embed_layers\.(\d)\.proj\.", r"head.embed.\1."),
    (r"^head\.fuse_layer\.aspp_modules\.(\d)\.depthwise_conv\.", r"head.aspp.\1.0."),
    (r"^head\.fuse_layer\.aspp_modules\.(\d)\.pointwise_conv\.", r"head.aspp.\1.1."),
    (r"^head\.fuse_layer\.aspp_modules\.(\d)\.", r"head.aspp.\1."),
    (r"^head\.fuse_layer\.bottleneck\.", "head.bottleneck."),
    (r"^(head\..*)\.bn\.", r"\1.norm."),
    (r"^head\.conv_seg\.", "head.classifier."),
)
"""Applied in order: official name to ours."""

_CLASSIFIER = "head.classifier.weight"


@dataclass
class Imported:
    """An imported network and what there is to say about it."""

    network: MADM
    """float32, in evaluation mode, on the CPU."""
    config: ModelConfig
    """Describes it."""
    warnings: list[str] = field(default_factory=list)
    """One sentence each."""


def import_checkpoint(
    tensors: Mapping[str, torch.Tensor],
    architecture: Architecture,
    modality: str,
    name: str,
    base: Path | None = None,
) -> Imported:
    """Turn the tensors of an official checkpoint into a network of this project.

    Args:
        tensors: under their official names, as `read_checkpoint` gives them; not copied.
        architecture: sizes the checkpoint was trained with; `SD14` for the released ones.
        modality: what the model was trained for, see `ModelConfig`.
        name: the new model's id.
        base: folder of Stable Diffusion v1-4, used where the checkpoint has no VAE or no empty prompt's embedding.

    Raises:
        ModelError: a needed tensor is missing or has another shape, a tensor is unknown, or the number of classes is
            none of the official ones.
    """
    warnings: list[str] = []
    tensors = _settle_aliases(tensors, warnings)
    tensors = {key: value for key, value in tensors.items() if not key.startswith(_NOT_NEEDED)}
    names = {_our_name(official): official for official in tensors}
    ours = {name: _our_shape(name, tensors[official]) for name, official in names.items()}
    _complete_from_base(ours, base, warnings)

    if _CLASSIFIER not in ours:
        raise ModelError("this is no MADM checkpoint: sem_seg_head.conv_seg.weight is missing")
    classes = len(ours[_CLASSIFIER])
    if classes not in LABEL_SETS:
        options = " or ".join(str(count) for count in LABEL_SETS)
        raise ModelError(f"the checkpoint has {classes} classes; official label sets have {options}")
    config = ModelConfig(
        name, architecture, LABEL_SETS[classes], modality, input_size=OFFICIAL_INPUT_SIZE, keep_aspect=False
    )
    network = build_on_meta(config)
    if unknown := sorted(names.get(name, name) for name in ours.keys() - network.state_dict().keys()):
        raise ModelError(f"the checkpoint has {len(unknown)} unknown tensors: {', '.join(unknown)}")
    try:
        fill(network, ours)
    except ModelError as error:
        raise ModelError(f"the checkpoint is not of architecture '{architecture.name}': {error}") from None
    return Imported(network.float().eval(), config, warnings)


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint file under their official names.

    Takes .safetensors and PyTorch pickles, the latter with `weights_only`; unwraps detectron2's {"model": ...} and
    takes off the "module." of distributed training.

    Raises:
        ModelError: the file is missing, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise ModelError(f"there is no checkpoint file {path}")
    try:
        if path.suffix == ".safetensors":
            content = load_file(path)
        else:
            # Only the zip format can be mapped, which spares a copy of several gigabytes.
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError:
        raise ModelError(
            f"{path} is damaged, or is a pickle with more than tensors in it, which is not opened"
        ) from None
    except Exception as error:  # a file of something else makes PyTorch and pickle raise whatever its bytes mean
        of_the_file = isinstance(error, OSError | RuntimeError | SafetensorError)
        reason = str(error).partition("\n")[0] if of_the_file else ""
        raise ModelError(f"{path} cannot be read as a checkpoint: {reason or 'it is damaged, or is none'}") from None
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise ModelError(f"{path} is not a checkpoint: it is no table of tensors")
    return {key.removeprefix("module."): value for key, value in content.items()}


def import_to_folder(
    checkpoint: Path,
    out: Path,
    architecture: Architecture,
    modality: str,
    base: Path | None = None,
    dtype: torch.dtype = torch.float32,
) -> Imported:
    """Import a checkpoint file into a new model folder, named after it; the folder appears only once complete.

    Args:
        checkpoint: .pth or .safetensors.
        out: must not exist yet.
        architecture: see `import_checkpoint`.
        modality: see `import_checkpoint`.
        base: see `import_checkpoint`.
        dtype: precision of the stored weights.

    Raises:
        ModelError: as `read_checkpoint` and `import_checkpoint`; or the folder exists, or cannot be written.
    """
    if out.exists():
        raise ModelError(f"{out} exists already: remove it or choose another --out")
    imported = import_checkpoint(read_checkpoint(checkpoint), architecture, modality, out.name, base)
    save_new_model(out, imported.network, imported.config, dtype)
    return imported


def _settle_aliases(tensors: Mapping[str, torch.Tensor], warnings: list[str]) -> dict[str, torch.Tensor]:
    """One set of tensors per module that has two names; a warning where the two differ."""
    settled = dict(tensors)
    for called, alias in _ALIASES:
        differing = []
        for key in [key for key in settled if key.startswith(alias)]:
            value = settled.pop(key)
            kept = settled.setdefault(called + key.removeprefix(alias), value)
            if not torch.equal(kept, value):
                differing.append(key)
        if differing:
            warnings.append(
                f"{alias}* should equal {called}*, but {len(differing)} tensors differ; "
                f"took {called}*, which official evaluation runs"
            )
    return settled


def _our_name(official: str) -> str:
    """Our name of a tensor; one that no rule knows stays as it is."""
    name = official
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return present_vae_name(name) if name.startswith("vae.") else name


def _our_shape(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """The head's linear layers over pixels are 1x1 convolutions here."""
    return tensor[..., None, None] if re.fullmatch(r"head\.embed\.\d\.weight", name) else tensor


def _complete_from_base(ours: dict[str, torch.Tensor], base: Path | None, warnings: list[str]) -> None:
    """Add the VAE and the empty prompt's embedding from Stable Diffusion where the checkpoint lacks them."""
    lacks_vae = not any(key.startswith("vae.") for key in ours)
    lacks_prompt = "uncond_inputs" not in ours
    if base is None:
        if lacks_vae or lacks_prompt:
            missing = " and ".join(
                part for part, lacking in (("the VAE", lacks_vae), ("the empty prompt", lacks_prompt)) if lacking
            )
            raise ModelError(f"the checkpoint lacks {missing}: give a Stable Diffusion v1-4 folder with --base")
        return
    if not (lacks_vae or lacks_prompt):
        warnings.append("--base was not needed: the checkpoint has its own VAE and empty prompt")
    if lacks_vae:
        ours.update({f"vae.{key}": tensor for key, tensor in load_vae(base).items()})
    if lacks_prompt:
        ours["uncond_inputs"] = load_empty_prompt(base)
