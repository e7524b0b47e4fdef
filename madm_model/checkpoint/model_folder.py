# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A model folder: `config.json` and `model.safetensors`, and nothing else that matters."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from madm_model.architecture import Architecture
from madm_model.checkpoint.model_names import resolve_model
from madm_model.checkpoint.weights_file import read_weights
from madm_model.model_config import CONFIG_FILE, ModelConfig, ModelError
from madm_model.network import MADM
from madm_model.store.version import checksum, checksums
from madm_model.students.architecture import SegformerArchitecture, StudentArchitecture
from madm_model.students.swiftnet import SwiftNet

if TYPE_CHECKING:
    from madm_model.students.segformer import Segformer

    Student = SwiftNet | Segformer
    Network = MADM | Student

WEIGHTS_FILE = "model.safetensors"
_OTHER_VERSION = "go back to another version of the store"


def save_model(folder: Path, network: Network, config: ModelConfig, dtype: torch.dtype = torch.float32) -> None:
    """Write a model folder; the files of an earlier one in its place are replaced, each in one step.

    Args:
        folder: created if missing.
        network: its weights are written; it is left as it is.
        config: must describe this network.
        dtype: torch.float32 or torch.float16, for every floating-point tensor.

    Raises:
        ModelError: the configuration does not describe the network, or the folder cannot be written.
    """
    if (config.architecture, len(config.label_set)) != (network.architecture, network.num_classes):
        raise ModelError("the model's configuration has another architecture or number of classes than its network")
    tensors = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype).contiguous()
        for name, tensor in network.state_dict().items()
    }
    folder = Path(folder)
    weights, unfinished = folder / WEIGHTS_FILE, folder / f".{WEIGHTS_FILE}.unfinished"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, unfinished, metadata={"format": "pt"})
        # safetensors writes for the owner alone; an installed model is for everybody who may read its folder.
        unfinished.chmod(folder.stat().st_mode & 0o666)
        unfinished.replace(weights)
        config.save(folder)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            unfinished.unlink()
        raise ModelError(f"cannot write the model to {folder}: {error}") from None


def save_new_model(folder: Path, network: Network, config: ModelConfig, dtype: torch.dtype = torch.float32) -> None:
    """As `save_model`, but the folder, which must not exist, appears only once it is complete.

    Raises:
        ModelError: as `save_model`.
    """
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    try:
        save_model(unfinished, network, config, dtype)
        unfinished.rename(folder)
    except OSError as error:
        raise ModelError(f"cannot write the model to {folder}: {error}") from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def load_model(
    folder: str | Path, device: str | torch.device = "cpu", dtype: torch.dtype | None = torch.float32
) -> tuple[Network, ModelConfig]:
    """Read a model folder; of a version of a store, every byte is checked.

    Args:
        folder: the folder, or the name of the embedded model.
        device: where the weights go.
        dtype: of every floating-point tensor; None leaves them as they are stored.

    Returns:
        The network in evaluation mode, and its configuration.

    Raises:
        ModelError: the folder or a file is missing, the weights are damaged, or they do not fit the configuration.
    """
    folder = resolve_model(folder)
    if not folder.is_dir():
        raise ModelError(f"there is no model folder {folder}")
    known = checksums(folder)
    if known and checksum(folder / CONFIG_FILE) != known[CONFIG_FILE]:
        raise ModelError(f"{folder / CONFIG_FILE} is damaged (its checksum differs): {_OTHER_VERSION}")
    config = ModelConfig.load(folder)
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise ModelError(f"{folder} is not a complete model folder: it has no {WEIGHTS_FILE}")
    try:
        tensors = read_weights(path, device, known[WEIGHTS_FILE] if known else "")
    except (OSError, ValueError) as error:
        advice = _OTHER_VERSION if known else "copy or import the model again"
        raise ModelError(f"{path} is damaged ({error}): {advice}") from None
    try:
        network = build_on_meta(config)
        fill(network, tensors)
    except ModelError as error:
        raise ModelError(f"{path} does not fit {CONFIG_FILE} beside it: {error}") from None
    return network.to(dtype=dtype).eval(), config  # `to` without a dtype changes nothing


def build_student(architecture: StudentArchitecture, num_classes: int) -> Student:
    """A student with fresh weights."""
    if isinstance(architecture, SegformerArchitecture):
        from madm_model.students.segformer import Segformer  # transformers takes seconds to import

        return Segformer(architecture, num_classes)
    return SwiftNet(architecture, num_classes)


def build_on_meta(config: ModelConfig) -> Network:
    """The network of a configuration without memory for its weights; `fill` brings them.

    Raises:
        ModelError: no network can be made of these sizes.
    """
    try:
        with torch.device("meta"):
            if isinstance(config.architecture, Architecture):
                return MADM(config.architecture, len(config.label_set))
            return build_student(config.architecture, len(config.label_set))
    except Exception as error:  # diffusers and torch raise errors of many kinds for sizes that do not fit together
        name = config.architecture.network
        raise ModelError(f"no {name} can be built of the sizes in {CONFIG_FILE}: {error}") from None


def fill(network: Network, tensors: Mapping[str, torch.Tensor]) -> None:
    """Make the given tensors the network's weights, without a copy.

    Raises:
        ModelError: a tensor is missing, is not the network's, or has another shape; the message names it.
    """
    expected = network.state_dict()
    if missing := sorted(expected.keys() - tensors.keys()):
        raise ModelError(f"{_some(missing)} missing")
    if unknown := sorted(tensors.keys() - expected.keys()):
        raise ModelError(f"{_some(unknown)} not part of the network")
    for name, tensor in expected.items():
        if tensors[name].shape != tensor.shape:
            raise ModelError(
                f"{name} is {tuple(tensors[name].shape)}, but architecture '{network.architecture.name}' "
                f"with {network.num_classes} classes needs {tuple(tensor.shape)}"
            )
    network.load_state_dict(tensors, assign=True)


def _some(names: list[str]) -> str:
    """ "a is", "a and b are" or "a, b, c and 9 more are", for error messages."""
    if len(names) == 1:
        return f"{names[0]} is"
    shown, rest = names[:3], len(names) - 3
    return f"{', '.join(shown)} and {rest} more are" if rest > 0 else f"{', '.join(shown[:-1])} and {shown[-1]} are"
