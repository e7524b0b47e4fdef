# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The interface of all runtimes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import nn


class Runtime(Protocol):
    """Runs one network."""

    name: str
    """One of `names.RUNTIMES`."""
    dtype: torch.dtype
    """The number format that it computes in."""
    largest_batch: int
    """Images that gain by running together; 1 where they take as long one by one, or each number of them would have to
    be compiled."""

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores of a batch.

        Args:
            images: float32 (B, 3, h, w) in [-1, 1], on the segmenter's device.

        Returns:
            Logits (B, K, h', w') of any size, on that device; the caller may write over them.

        Raises:
            ModelError: this runtime cannot run the network at that size.
        """

    def close(self) -> None:
        """Give its memory back; it cannot be called afterwards."""


class Logits(nn.Module):
    """A network reduced to what a segmenter needs of it: images (B, 3, h, w) to logits (B, K, h', w')."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores."""
        return self.network(images).logits


def export_graph(
    module: nn.Module, images: torch.Tensor, dynamic: tuple[dict[int, Any], ...] | None = None
) -> torch.export.ExportedProgram:
    """A module as one whole graph, weights included; the module stays as it is.

    Args:
        module: in evaluation mode, takes one tensor.
        images: an example of that.
        dynamic: which of its sizes may vary, as torch.export takes it; None: none.
    """
    # Exporters record operations as for training, which tensors of inference mode do not take part in.
    with torch.inference_mode(False), torch.no_grad(), without_future_warnings():
        return torch.export.export(module, (images.clone(),), dynamic_shapes=dynamic)


@contextmanager
def without_future_warnings() -> Iterator[None]:
    """PyTorch's exporter warns of its own code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def example_images(network: nn.Module, shape: tuple[int, ...]) -> torch.Tensor:
    """Images (B, 3, h, w) of zeros, where a network is and in its number format."""
    parameter = next(network.parameters(), torch.zeros(0))
    return torch.zeros(shape, device=parameter.device, dtype=parameter.dtype)
