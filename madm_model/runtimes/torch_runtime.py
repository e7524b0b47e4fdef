# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""PyTorch: the network as it is, and what torch.compile makes of it."""

from __future__ import annotations

import torch
from torch import nn

from madm_model.model_config import ModelError
from madm_model.runtimes.runtime import Logits, example_images, export_graph
from madm_model.runtimes.sizes import PerSize

_GPU_BATCH = 8
"""Images that small networks need to fill a GPU."""


class TorchRuntime:
    """Runs a network as PyTorch does, layer by layer.

    Args:
        network: in evaluation mode, on its device, in `dtype`.
        dtype: what it computes in.
    """

    name = "torch"

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        self.dtype = dtype
        on_gpu = any(parameter.is_cuda for parameter in network.parameters())
        self.largest_batch = _GPU_BATCH if on_gpu else 1
        self.network: nn.Module | None = network

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores; see `Runtime`."""
        return self.network(images.to(self.dtype)).logits

    def close(self) -> None:
        """Forget the network."""
        # Nothing in it refers to itself: it is gone without a garbage collection, which takes long.
        self.network = None


class CompiledRuntime:
    """Runs what torch.compile makes of the network's graph: on a GPU with CUDA graphs, on a CPU through C++.

    Nothing of it is cached here: PyTorch keeps its own cache of kernels.

    Args:
        network: in evaluation mode, on its device, in `dtype`.
        dtype: what it computes in.
    """

    name = "compiled"
    largest_batch = 1

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self._network: nn.Module | None = network
        self._compiled = PerSize(self._compile)

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores; see `Runtime`."""
        images = images.to(self.dtype)
        run = self._compiled[tuple(images.shape)]
        try:
            return run(images).clone()  # the next run of a CUDA graph writes over what it gave
        except Exception as error:  # the compiler runs in the first call; what it raises is of many kinds
            raise ModelError(f"torch.compile fails on this machine, use runtime torch: {_first_line(error)}") from error

    def close(self) -> None:
        """Forget the network."""
        self._network = None
        self._compiled.clear()

    def _compile(self, shape: tuple[int, ...]) -> nn.Module:
        images = example_images(self._network, shape)
        graph = export_graph(Logits(self._network).eval(), images)
        return torch.compile(graph.module(), mode="reduce-overhead" if images.is_cuda else "default")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
