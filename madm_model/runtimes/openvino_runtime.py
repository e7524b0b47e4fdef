# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""OpenVINO: Intel's inference engine, the quickest on x86 processors of every maker."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import nn

from madm_model.model_config import ModelError
from madm_model.runtimes.cache import CompiledCache
from madm_model.runtimes.runtime import Logits, export_graph, without_future_warnings
from madm_model.runtimes.sizes import PerSize

TARGETS = ("cpu", "gpu", "npu")
"""OpenVINO's devices, of Intel: PyTorch's part of the work is done on the CPU."""
_HINTS = {torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16"}


class OpenVINORuntime:
    """Runs a network in OpenVINO; what was compiled is kept in the cache.

    Args:
        network: in evaluation mode, in float32 on the CPU; converted at the first image of a size.
        target: one of `TARGETS`.
        precision: auto, float32, float16 or bfloat16.
        cache: of the network's weights.

    Raises:
        ModelError: OpenVINO is not installed, finds no such device, or that computes in other formats.
    """

    name = "openvino"
    largest_batch = 1

    def __init__(self, network: nn.Module, target: str, precision: str, cache: CompiledCache) -> None:
        self._device = target.upper()
        found = import_openvino_core().available_devices
        if not any(name.split(".")[0] == self._device for name in found):
            raise ModelError(f"OpenVINO finds no device '{target}' here, but {', '.join(found).lower()}")
        self.dtype = _dtype(self._device, precision)
        self._network: nn.Module | None = network
        self._cache = cache
        self._requests = PerSize(self._request)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores; see `Runtime`."""
        request = self._requests[tuple(images.shape)]
        request.infer([images.contiguous().numpy()], share_inputs=True)
        # A copy: the request writes its next result where it wrote this one.
        return torch.from_numpy(np.array(request.get_output_tensor().data, dtype=np.float32))

    def close(self) -> None:
        """Forget the network."""
        self._network = None
        self._requests.clear()

    def _request(self, shape: tuple[int, ...]) -> Any:
        openvino, core = import_openvino(), import_openvino_core()
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": _HINTS[self.dtype],
            **({"INFERENCE_NUM_THREADS": torch.get_num_threads()} if self._device == "CPU" else {}),
        }
        made_of = "openvino", openvino.__version__, torch.__version__, self._device, str(options), str(shape)
        if (kept := self._cache.read(*made_of)) is not None:
            try:
                return core.import_model(kept, self._device, options).create_infer_request()
            except RuntimeError:  # whole, but not to OpenVINO's liking: made anew
                self._cache.forget(*made_of)
        try:
            compiled = core.compile_model(convert(self._network, shape), self._device, options)
            content = compiled.export_model()
        except Exception as error:  # exporters and engines raise errors of many kinds
            raise ModelError(f"OpenVINO cannot run this network, use runtime torch: {error}") from error
        self._cache.write(content if isinstance(content, bytes) else content.getvalue(), *made_of)
        return compiled.create_infer_request()


def convert(network: nn.Module, shape: tuple[int, ...]) -> Any:
    """A network as openvino.Model: images of that shape (B, 3, h, w) to logits.

    Args:
        network: in evaluation mode, in float32 on the CPU.
        shape: of the images.
    """
    model = to_openvino(Logits(network).eval(), torch.zeros(shape))
    model.reshape(list(shape))
    return model


def to_openvino(module: nn.Module, images: torch.Tensor, dynamic: tuple[dict[int, Any], ...] | None = None) -> Any:
    """A module of one input as openvino.Model; arguments as of `export_graph`."""
    openvino, graph = import_openvino(), export_graph(module, images, dynamic)
    with _quiet(), without_future_warnings():
        return openvino.convert_model(graph)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warnings that the converter writes to the root logger, with tracebacks, about nothing."""
    root, handler = logging.getLogger(), logging.NullHandler()
    root.addHandler(handler)  # or `logging.warning` would make one that stays
    before, root.disabled = root.disabled, True
    try:
        yield
    finally:
        root.disabled = before
        root.removeHandler(handler)


def import_openvino() -> ModuleType:
    """OpenVINO without its telemetry, which would tell its maker about every start of a robot.

    Raises:
        ModelError: it is not installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # as if it were not installed: OpenVINO provides for that
    try:
        import openvino
    except ImportError as error:
        raise ModelError(f"runtime openvino is not there ({error}): pip install openvino, or use another") from None
    return openvino


@lru_cache(maxsize=1)
def import_openvino_core() -> Any:
    """The one openvino.Core of this process."""
    return import_openvino().Core()


def computes_bfloat16(device: str = "CPU") -> bool:
    """Whether an OpenVINO device computes in bfloat16, as CPUs with AMX or AVX512_BF16 do."""
    return "BF16" in import_openvino_core().get_property(device, "OPTIMIZATION_CAPABILITIES")


def _dtype(device: str, precision: str) -> torch.dtype:
    if device != "CPU":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}.get(precision, torch.float16)
    if precision == "float32" or (precision == "auto" and not computes_bfloat16()):
        return torch.float32
    if precision == "float16" or not computes_bfloat16():
        raise ModelError(f"OpenVINO does not compute in {precision} on this CPU: set precision to auto or float32")
    return torch.bfloat16
