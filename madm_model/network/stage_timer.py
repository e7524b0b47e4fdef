# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Where a forward pass spends its time."""

from __future__ import annotations

import time
from types import TracebackType

import torch
from torch import nn

from madm_model.network.madm import MADM


class StageTimer:
    """Measures the stages of MADM forward passes inside a `with` block.

    On CUDA every stage waits for the device, so the sum is slightly above the time of an undisturbed pass.

        with StageTimer(network) as timer:
            network(images)
        timer.milliseconds   # {"vae encoder": ..., "unet": ..., "vae decoder": ..., "projections": ..., "head": ...}

    Args:
        network: the network to watch; it is left as it was.
    """

    def __init__(self, network: MADM) -> None:
        self.milliseconds: dict[str, float] = {}
        """Stage name to milliseconds, summed over the passes measured; in the order of the forward pass."""
        self._stages: list[tuple[str, nn.Module]] = [
            ("vae encoder", network.vae.encoder),
            ("unet", network.unet),
            ("vae decoder", network.vae.decoder),
            *(("projections", projection) for projection in network.projections),
            ("head", network.head),
        ]
        self._on_cuda = network.shared_noise.is_cuda
        self._handles: list[torch.utils.hooks.RemovableHandle] = []
        self._started = 0.0

    def __enter__(self) -> StageTimer:
        for stage, module in self._stages:
            self.milliseconds[stage] = 0.0
            self._handles.append(module.register_forward_pre_hook(self._start))
            self._handles.append(module.register_forward_hook(self._stop(stage)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def _now(self) -> float:
        if self._on_cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    def _start(self, _module: nn.Module, _inputs: tuple) -> None:
        self._started = self._now()

    def _stop(self, stage: str):
        def hook(_module: nn.Module, _inputs: tuple, _output: object) -> None:
            self.milliseconds[stage] += 1000 * (self._now() - self._started)

        return hook
