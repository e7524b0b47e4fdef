# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""ONNX Runtime: on the CPU, and on NVIDIA GPUs through TensorRT or CUDA where its build has them."""

from __future__ import annotations

import io
import logging
from importlib import metadata
from typing import Any

import torch
from torch import nn

from madm_model.model_config import ModelError
from madm_model.runtimes.cache import CompiledCache
from madm_model.runtimes.runtime import Logits, example_images, export_graph, without_future_warnings
from madm_model.runtimes.sizes import PerSize

ONE_FILE_BYTES = 2**31 - 2**26
"""Of weights, beyond which ONNX needs files beside its own."""


class OnnxRuntime:
    """Runs a network in ONNX Runtime; the exported graph is kept in the cache.

    Args:
        network: in evaluation mode, on `device`, in `dtype`; exported at the first image of a size.
        device: cpu or cuda.
        dtype: float32; on a GPU float16 as well.
        cache: of the network's weights.

    Raises:
        ModelError: ONNX Runtime is not installed, has nothing for that device, or not in that format.
    """

    name = "onnx"
    largest_batch = 1

    def __init__(self, network: nn.Module, device: torch.device, dtype: torch.dtype, cache: CompiledCache) -> None:
        if dtype not in ((torch.float32, torch.float16) if device.type == "cuda" else (torch.float32,)):
            raise ModelError(
                f"runtime onnx does not compute in {str(dtype).removeprefix('torch.')} there: set precision to float32"
            )
        self._providers = _providers(device)
        self.dtype = dtype
        self._network: nn.Module | None = network
        self._cache = cache
        self._device = device
        self._sessions = PerSize(self._session)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores; see `Runtime`."""
        session = self._sessions[tuple(images.shape)]
        (logits,) = session.run(None, {session.get_inputs()[0].name: images.to("cpu", self.dtype).numpy()})
        return torch.from_numpy(logits).to(self._device)

    def close(self) -> None:
        """Forget the network."""
        self._network = None
        self._sessions.clear()

    def _session(self, shape: tuple[int, ...]) -> Any:
        onnxruntime = import_onnxruntime()
        made_of = "onnx", metadata.version("onnx"), torch.__version__, str(self.dtype), str(shape)
        content = self._cache.read(*made_of)
        try:
            if content is None:
                content = export(self._network, shape)
                self._cache.write(content, *made_of)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = torch.get_num_threads()
            return onnxruntime.InferenceSession(content, options, providers=self._providers)
        except Exception as error:  # exporters and engines raise errors of many kinds
            raise ModelError(f"ONNX Runtime cannot run this network, use runtime torch: {error}") from error


def export(network: nn.Module, shape: tuple[int, ...]) -> bytes:
    """A network as an ONNX file: images of that shape (B, 3, h, w) to logits.

    Raises:
        ModelError: it is too large for one file.
    """
    if sum(parameter.nbytes for parameter in network.parameters()) > ONE_FILE_BYTES:
        raise ModelError("the network is too large for one ONNX file")
    program = to_onnx(Logits(network).eval(), example_images(network, shape))
    file = io.BytesIO()
    program.save(file)
    return file.getvalue()


def to_onnx(
    module: nn.Module,
    images: torch.Tensor,
    dynamic: tuple[dict[int, Any], ...] | None = None,
    inputs: list[str] | None = None,
    outputs: list[str] | None = None,
) -> torch.onnx.ONNXProgram:
    """A module of one input as ONNX; arguments as of `export_graph`, and names of its input and outputs."""
    # It warns of torchvision, which is not installed because nothing here needs it.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    graph = export_graph(module, images, dynamic)
    with without_future_warnings():
        return torch.onnx.export(graph, dynamo=True, verbose=False, input_names=inputs, output_names=outputs)


def import_onnxruntime() -> Any:
    """ONNX Runtime.

    Raises:
        ModelError: it, or what exports for it, is not installed.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 - the exporter
    except ImportError as error:
        raise ModelError(
            f"runtime onnx is not there ({error}): install what requirements/export.txt names, or use another"
        ) from None
    onnxruntime.set_default_logger_severity(3)
    return onnxruntime


def _providers(device: torch.device) -> list[str]:
    """Names of what shall execute a graph, the first that can."""
    found = import_onnxruntime().get_available_providers()
    if device.type != "cuda":
        return ["CPUExecutionProvider"]
    on_gpu = [name for name in ("TensorrtExecutionProvider", "CUDAExecutionProvider") if name in found]
    if not on_gpu:
        raise ModelError("this build of ONNX Runtime has no GPU: install onnxruntime-gpu, or use another runtime")
    return [*on_gpu, "CPUExecutionProvider"]
