# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Everything a training on data sets can be told: the files of config/paper, read and checked."""

from __future__ import annotations

from dataclasses import field, replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from madm_model.adaptation.config import AdaptationConfig, as_in_the_paper
from madm_model.checkpoint.model_folder import WEIGHTS_FILE
from madm_model.settings import plain, read_settings_file, settings
from madm_model.store.version import checksum

_Count = Annotated[int, Field(ge=1)]

_CHANGE_NO_NUMBER = ("workers", "log_every", "panels_every", "checkpoint_every", "evaluate_every")


@settings
class SplitConfig:
    """A split of a data set on disk."""

    name: str
    """cityscapes, deliver, fmb or dsec."""
    root: str
    """Its folder, as docs/datasets.md describes it."""
    split: str = "train"
    """train, val or test."""
    resize: tuple[int, ...] = ()
    """Height and width to which training resizes an image before it crops; empty: the data set's official ones."""

    def __post_init__(self) -> None:
        if len(self.resize) not in (0, 2) or min(self.resize, default=1) < 1:
            raise ValueError(f"resize has to be empty or a height and a width, not {self.resize}")

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width to resize to; None for the official ones."""
        return (self.resize[0], self.resize[1]) if self.resize else None


@settings
class TrainConfig:
    """A training on a labelled source and an unlabelled target."""

    base: str
    """Model folder to start from, as `madm new` makes it."""
    source: SplitConfig
    """Labelled images."""
    target: SplitConfig
    """Images whose labels are not read."""
    validation: SplitConfig | None = None
    """Labelled images of the target's kind that are scored on the way; none: nothing is scored."""
    validation_images: Annotated[int, Field(ge=0)] = 0
    """Images scored on the way, evenly spread over the split; 0: all."""
    target_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the target's images that is trained on, drawn by the seed (the paper's appendix A.2)."""
    crop: tuple[int, int] = (512, 512)
    """Height and width of a crop, multiples of what the network takes."""
    batch: _Count = 2
    """Source images, and as many of the target, of one optimiser step, over all processes and passes."""
    batch_per_pass: _Count = 1
    """Of these, how many go through the network together; norms and mixing see that many. Officially 1."""
    paper: bool = False
    """Take the paper's way where the released code differs from it, whatever is said below."""
    training: AdaptationConfig = field(default_factory=AdaptationConfig)
    """Method, optimiser, resources; its accumulation follows from batch and batch_per_pass."""
    workers: Annotated[int, Field(ge=0)] = 4
    """Processes that prepare batches, of every process that trains; they change no number."""
    log_every: _Count = 50
    """Iterations between two lines of the log and two points of TensorBoard's curves."""
    panels_every: _Count = 500
    """Iterations between two pictures in TensorBoard."""
    checkpoint_every: _Count = 1000
    """Iterations between two checkpoints."""
    evaluate_every: _Count = 1000
    """Iterations between two evaluations; the best model is kept."""

    def __post_init__(self) -> None:
        if self.batch % self.batch_per_pass:
            raise ValueError(f"batch {self.batch} is no multiple of batch_per_pass {self.batch_per_pass}")
        if self.training.resources.accumulation not in (1, self.batch // self.batch_per_pass):
            raise ValueError("training.resources.accumulation follows from batch and batch_per_pass: leave it out")

    def resolved(self, modality: str) -> AdaptationConfig:
        """The training itself: batches a step counted, and the paper's way taken if it is to be.

        Args:
            modality: of the target.
        """
        passes = self.batch // self.batch_per_pass
        training = replace(self.training, resources=replace(self.training.resources, accumulation=passes))
        return as_in_the_paper(training, modality) if self.paper else training

    def deciding(self) -> dict[str, Any]:
        """The settings that decide a training's numbers, as plain data; the base by its weights, wherever it lies."""
        values = {name: value for name, value in plain(self).items() if name not in _CHANGE_NO_NUMBER}
        return values | {"base": checksum(Path(self.base) / WEIGHTS_FILE)}


def load_train_config(path: Path) -> TrainConfig:
    """Read a file such as config/paper/depth.yaml.

    Raises:
        ValueError: it is no YAML, or a setting is wrong; the message names it.
        OSError: it cannot be read.
    """
    return read_settings_file(TrainConfig, path)
