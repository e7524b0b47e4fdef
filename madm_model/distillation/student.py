# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A student before it learns."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from madm_model.checkpoint.model_folder import build_student, load_model
from madm_model.distillation.config import DistillationConfig
from madm_model.distillation.student_choice import StudentChoice
from madm_model.model_config import ModelConfig


def prepare_student(
    choice: StudentChoice, config: ModelConfig, settings: DistillationConfig, encoder: str | None = None
) -> tuple[nn.Module, DistillationConfig]:
    """The network before its training, and the settings with the sizes that they leave to it.

    Args:
        choice: which student.
        config: of it.
        settings: of the distillation.
        encoder: SegFormer whose encoder to start from: a folder, or a repository of the hub.

    Raises:
        ModelError: what it shall start from does not fit.
        ValueError: an encoder is given to another network than a SegFormer, or to one that has been trained.
    """
    resolved = replace(settings, view=settings.crops(config.input_size))
    if encoder is not None and choice.folder is not None:
        raise ValueError(f"an encoder is given, but {choice.name} has its own: name a size, such as segformer-b0")
    if choice.folder is not None:
        return load_model(choice.folder)[0], resolved
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = build_student(choice.architecture, len(config.label_set))
    if encoder is not None:
        if choice.architecture.network != "segformer":
            raise ValueError(f"an encoder can be given to a SegFormer, not to {choice.name}")
        network.load_encoder(encoder)
    return network, resolved
