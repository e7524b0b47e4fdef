# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What tests of runtimes share."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from madm_model.architecture import Architecture
from madm_model.checkpoint.model_folder import build_student, save_model
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.network import MADM

needs_openvino = pytest.mark.skipif(find_spec("openvino") is None, reason="OpenVINO is not installed")
needs_onnx = pytest.mark.skipif(
    not (find_spec("onnxruntime") and find_spec("onnxscript")), reason="requirements/export.txt is not installed"
)


def save(folder: Path, architecture, seed: int = 0) -> Path:
    """A model folder with random weights whose labels do not hang on the last bit, for images of 64x96."""
    torch.manual_seed(seed)
    make = MADM if isinstance(architecture, Architecture) else build_student
    network = make(architecture, len(STREET_11))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.2, 2.0)
            torch.nn.init.normal_(module.bias)
    save_model(folder, network, ModelConfig("small", architecture, STREET_11, "thermal", (64, 96), keep_aspect=False))
    return folder
