# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Makes the runtime of a network by its name."""

from __future__ import annotations

import copy
import os
from importlib.util import find_spec

import torch
from torch import nn

from madm_model.model_config import ModelError
from madm_model.runtimes.auto_runtime import AutoRuntime
from madm_model.runtimes.cache import CompiledCache
from madm_model.runtimes.names import RUNTIMES, VARIABLE
from madm_model.runtimes.runtime import Runtime
from madm_model.runtimes.torch_runtime import CompiledRuntime, TorchRuntime


def open_runtime(
    name: str,
    network: nn.Module,
    device: torch.device,
    precision: str,
    dtype: torch.dtype,
    cache: CompiledCache,
    target: str = "cpu",
) -> Runtime:
    """The runtime of that name.

    Args:
        name: one of `RUNTIMES`, as `runtime_named` gives it.
        network: in evaluation mode, its norms folded; on a GPU in `dtype`, on a CPU in float32.
        device: where it is.
        precision: what was asked for: auto, float32, float16 or bfloat16.
        dtype: what that means in PyTorch on that device.
        cache: of the network's weights.
        target: the device within OpenVINO.

    Raises:
        ModelError: the runtime is not there or cannot do that.
    """
    if name == "auto":
        wanted = {one: (one, precision) for one in ("torch", *installed(device))}
        if "openvino" in wanted and precision == "auto" and _openvino_takes_bfloat16():
            wanted["openvino float32"] = "openvino", "float32"  # where bfloat16 changes too many labels
        makers = {
            key: lambda one=one, asked=asked: open_runtime(one, network, device, asked, dtype, cache)
            for key, (one, asked) in wanted.items()
        }
        return makers["torch"]() if len(makers) == 1 else AutoRuntime(makers, network, precision, dtype, cache)
    if name == "openvino":
        from madm_model.runtimes.openvino_runtime import OpenVINORuntime

        if device.type != "cpu":
            raise ModelError(f"runtime openvino does not run on {device}: set device to cpu, or another runtime")
        return OpenVINORuntime(network, target, precision, cache)
    if name == "onnx":
        from madm_model.runtimes.onnx_runtime import OnnxRuntime

        return OnnxRuntime(network, device, dtype, cache)
    if dtype != torch.float32 and next(network.parameters()).dtype == torch.float32:
        network = copy.deepcopy(network).to(dtype)
    return TorchRuntime(network, dtype) if name == "torch" else CompiledRuntime(network, dtype)


def runtime_named(name: str) -> str:
    """One of `RUNTIMES`: the name itself, or what the environment says that auto means.

    Raises:
        ModelError: it is unknown.
    """
    if name == "auto":
        name = os.environ.get(VARIABLE) or name
    if name not in RUNTIMES:
        raise ModelError(f"unknown runtime '{name}': use {', '.join(RUNTIMES)}")
    return name


def installed(device: torch.device) -> tuple[str, ...]:
    """Names of the runtimes beside torch that are worth a measurement on a device, the most likely first.

    torch.compile is not among them on a CPU: it wants a C++ compiler and was no quicker than torch there.
    """
    onnx = ("onnx",) if find_spec("onnxruntime") and find_spec("onnxscript") else ()
    if device.type == "cuda":
        return ("compiled", *onnx)
    return (*(("openvino",) if find_spec("openvino") else ()), *onnx)


def _openvino_takes_bfloat16() -> bool:
    from madm_model.runtimes.openvino_runtime import computes_bfloat16

    try:
        return computes_bfloat16()
    except ModelError:
        return False
