# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The teacher: an exponential moving average of the student (specification section 11)."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import nn

from madm_model.adaptation.config import TeacherConfig
from madm_model.network.madm import MADM


def ema_momentum(iteration: int, largest: float) -> float:
    """alpha = min(1 - 1 / (k + 1), largest): at iteration 1 the mean of two, later a slow average."""
    return min(1 - 1 / (iteration + 1), largest)


@torch.no_grad()
def ema_update(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """teacher <- momentum teacher + (1 - momentum) student, over the student's trained parameters; buffers stay."""
    for mine, theirs in zip(teacher.parameters(), student.parameters(), strict=True):
        if theirs.requires_grad:
            mine.lerp_(theirs.to(mine.dtype), 1 - momentum)


class EMATeacher:
    """Labels target images, and follows the student.

    Attributes:
        network: the teacher's MADM. It shares the student's VAE, and its UNet unless `average_unet`.
    """

    def __init__(self, student: MADM, config: TeacherConfig) -> None:
        """Start as a copy of the student, whose trained parameters must already be marked by `requires_grad`."""
        self._student = student
        self._config = config
        self.network = student.make_teacher()
        if config.average_unet:
            self.network.unet = copy.deepcopy(student.unet).requires_grad_(False)
        self._set_mode()

    def update(self, iteration: int) -> None:
        """Follow the student; officially at the start of every iteration but the first."""
        momentum = ema_momentum(iteration, self._config.momentum)
        for name, mine in self._own_parts():
            ema_update(mine, self._student.get_submodule(name), momentum)
        if self._config.mode == "eval":
            for mine, theirs in zip(self.network.head.buffers(), self._student.head.buffers(), strict=True):
                mine.copy_(theirs)

    @torch.no_grad()
    def logits(self, images: torch.Tensor, timestep: int, noise: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (B, K, H, W) of images (B, 3, H, W) in [-1, 1], with the latent's noise at `timestep`.

        noise (B, 4, h, w) replaces the network's own.
        """
        return self.network(images, timestep, noise).logits

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What the teacher owns, frozen UNet weights left out: they are the student's."""
        frozen = self._frozen()
        return {
            f"{part}.{name}": value
            for part, module in self._own_parts()
            for name, value in module.state_dict().items()
            if f"{part}.{name}" not in frozen
        }

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what `state_dict` gave.

        Raises:
            RuntimeError: a tensor is missing, unknown or of another shape.
        """
        load_partial_state(self.network, state, set(self.state_dict()))

    def _own_parts(self) -> Iterator[tuple[str, nn.Module]]:
        names = ("condition", "projections", "head", *(("unet",) if self._config.average_unet else ()))
        return ((name, self.network.get_submodule(name)) for name in names)

    def _frozen(self) -> set[str]:
        return {name for name, value in self._student.named_parameters() if not value.requires_grad}

    def _set_mode(self) -> None:
        self.network.train(self._config.mode != "eval")
        if self._config.mode == "no_dropout":
            self.network.head.dropout.eval()


def load_partial_state(module: nn.Module, state: dict[str, torch.Tensor], expected: set[str]) -> None:
    """Load a part of a module's state.

    Raises:
        RuntimeError: the names are not the expected ones, or a shape differs.
    """
    if state.keys() != expected:
        some = ", ".join(sorted(state.keys() ^ expected)[:5])
        raise RuntimeError(f"this checkpoint belongs to another configuration: it differs in {some}")
    module.load_state_dict(state, strict=False)
