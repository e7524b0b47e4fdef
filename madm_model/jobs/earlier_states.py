# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Which state of a training becomes the candidate, by a rule that sees no label of the target.

The rule: the last state that the gate lets pass, of those after the whole training and after even parts of it. A
training that goes on for too long on its own labels loses rare classes little by little; what it had learned before is
not lost with them. Where none passes, the last one is told, refused.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from madm_model.adaptation.self_training import SelfTraining
from madm_model.io import durable

_ENDING = ".pt"


class EarlierStates:
    """Trained weights on disk after even parts of a training.

    Args:
        folder: for them alone; made when the first is kept.
        count: how many are kept: 3 are those after 1/4, 1/2 and 3/4 of the iterations.
        iterations: of the whole training.
    """

    def __init__(self, folder: Path, count: int, iterations: int) -> None:
        self._folder = folder
        points = (round(part * iterations / (count + 1)) for part in range(1, count + 1))
        self.points = frozenset(point for point in points if 0 < point < iterations)
        """Numbers of done iterations."""

    def keep(self, done: int, trainer: SelfTraining) -> None:
        """Keep the weights after so many iterations, if these are to be kept.

        Raises:
            OSError: the disk is full.
        """
        if done not in self.points:
            return
        durable.private_folder(self._folder)
        unfinished = self._folder / f".{done}{_ENDING}.unfinished"
        try:
            with unfinished.open("wb") as file:  # given a path, PyTorch would not say that the disk is full
                torch.save(trainer.state_to_finish(), file)
            durable.publish(unfinished, self._folder / f"{done}{_ENDING}")
        finally:
            unfinished.unlink(missing_ok=True)

    def newest_first(self, before: int) -> list[int]:
        """Iterations of the states that were kept before so many, the newest first."""
        found = (int(path.stem) for path in self._folder.glob(f"[0-9]*{_ENDING}"))
        return sorted((done for done in found if done < before), reverse=True)

    def bring_back(self, done: int, fresh: Callable[[], SelfTraining]) -> SelfTraining:
        """A training with the weights after so many iterations; to be finished, not to be gone on with.

        Args:
            done: one of `newest_first`.
            fresh: makes the training as it was before its first step.
        """
        trainer = fresh()
        trainer.load_trained(torch.load(self._folder / f"{done}{_ENDING}", weights_only=True, map_location="cpu"))
        return trainer

    def drop(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self._folder, ignore_errors=True)
