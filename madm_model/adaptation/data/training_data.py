# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Batches for an adaptation job: crops of target frames and of the labelled source."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from madm_model.adaptation.data.batches import LabelledBatch, TargetBatch
from madm_model.adaptation.data.mixed_source import MixedSource, class_shares, parts_of
from madm_model.adaptation.data.paired_labels import PairedLabels
from madm_model.adaptation.data.rare_class_sampling import RareClassConfig, RareClassSampler
from madm_model.adaptation.data.sensor_source import SensorSource
from madm_model.adaptation.data.source_frames import SourceFrames
from madm_model.adaptation.data.target_frames import TargetFrames
from madm_model.adaptation.view_config import ViewConfig
from madm_model.model_config import ModelConfig, magnification
from madm_model.training.appearance import with_random_appearance
from madm_model.training.frame_pool import FramePool
from madm_model.training.views import draw_view, random_view, stack_images

_HELD_OUT_SOURCE = 24


def held_out_frames(count: int) -> np.ndarray:
    """Indices of source frames that are set aside for the gate, of so many in all."""
    return np.unique(np.linspace(0, count - 1, min(_HELD_OUT_SOURCE, max(1, count // 10))).astype(int))


class JobData:
    """`AdaptationData` of a job.

    Attributes:
        held_out: indices of source frames that are not trained on: the gate scores them.
    """

    def __init__(
        self,
        source: SourceFrames,
        target: TargetFrames,
        config: ModelConfig,
        view: ViewConfig,
        labelled: SourceFrames | None = None,
        labelled_share: float = 0.25,
        paired: PairedLabels | None = None,
    ) -> None:
        """Set source frames aside for the gate, about a tenth, and prepare the sampling of the others.

        Args:
            source: labelled frames.
            target: frames of the sensor; those to train on are drawn.
            config: of the network.
            view: what of a frame is seen.
            labelled: labelled target frames to train on; None without. They are cropped and drawn as the source's, and
                shown as they are.
            labelled_share: of the source's images that are drawn from these.
            paired: labels of images that are paired with the target's; None without.

        Raises:
            ValueError: the crop does not fit the architecture.
        """
        view.check(config.architecture)
        self._source, self._target, self._config, self._view = source, target, config, view
        count = len(source.pixel_counts)
        self.held_out = held_out_frames(count)
        parts, self._shares = parts_of(source)
        sources = source.sources if isinstance(source, MixedSource) else [source]
        self._sensors = {number: part for number, part in enumerate(sources) if isinstance(part, SensorSource)}
        self._parts = [np.setdiff1d(part, self.held_out) for part in parts]
        self._samplers = None
        if view.rare_classes:
            counts = (source.pixel_counts[part] for part in self._parts)
            self._samplers = [RareClassSampler(count, RareClassConfig()) for count in counts]
        self._paired = paired
        self._labelled, self._labelled_share, self._labelled_sampler = labelled, labelled_share, None
        if labelled is not None and view.rare_classes:
            self._labelled_sampler = RareClassSampler(labelled.pixel_counts, RareClassConfig())

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        """Crops and their labels, after those of labelled target frames, if any: of RGB in random appearance if so
        configured, or of simulated sensors."""
        own, count = [], None
        if self._labelled is not None:
            count = int(self._labelled_share * self._view.batch_size + rng.random())  # rounded at random
            own = [self._labelled_crop(rng, self._labelled) for _ in range(count)]
        drawn = [self._source_crop(rng) for _ in range(self._view.batch_size - len(own))]
        crops = dict(enumerate(crop for _, crop in drawn))
        colour = [index for index, (number, _) in enumerate(drawn) if number not in self._sensors]
        shown = with_random_appearance(rng, [crops[index] for index in colour], self._view.appearance)
        crops |= dict(zip(colour, shown))
        return LabelledBatch(*FramePool.batch([*own, *crops.values()]), count)

    def target(self, rng: np.random.Generator) -> torch.Tensor | TargetBatch:
        """Crops of target frames, with those of their paired images' labels where there are any."""
        indices, shape = rng.choice(self._target.training, self._view.batch_size), self._target.images.shape[1:3]
        scale = self._view.magnifications(magnification(self._config, *shape))
        views = [draw_view(rng, shape, self._view.crop, scale) for _ in indices]
        images = stack_images([view.of_image(self._target.images[index]) for view, index in zip(views, indices)])
        if self._paired is None:
            return images
        said = [[view.of_labels(part) for part in self._paired.of(index)] for view, index in zip(views, indices)]
        labels, weight = (torch.from_numpy(np.stack(parts)) for parts in zip(*said))
        stays = torch.from_numpy(self._paired.stays[indices])
        return TargetBatch(images, labels.long(), weight.float() / 255, stays)

    def class_shares(self) -> np.ndarray:
        """Share of the source's pixels that each class has, float (K,)."""
        return class_shares(self._source)

    def _source_crop(self, rng: np.random.Generator) -> tuple[int, tuple[np.ndarray, np.ndarray]]:
        """Number of a source, and a crop of it with its labels."""
        number = int(rng.choice(len(self._parts), p=self._shares)) if len(self._parts) > 1 else 0
        indices = self._parts[number]
        sampler = self._samplers[number] if self._samplers is not None else None
        return number, self._crop(rng, lambda index: self._frame(rng, number, index), indices, sampler)

    def _frame(self, rng: np.random.Generator, number: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        if number not in self._sensors:
            return self._source.frame(index)
        first = int(self._source.parts[number][0]) if isinstance(self._source, MixedSource) else 0
        return self._sensors[number].frame_of_another_sensor(rng, index - first)

    def _labelled_crop(self, rng: np.random.Generator, labelled: SourceFrames) -> tuple[np.ndarray, np.ndarray]:
        return self._crop(rng, labelled.frame, np.arange(len(labelled.pixel_counts)), self._labelled_sampler)

    def _crop(
        self,
        rng: np.random.Generator,
        frame: Callable[[int], tuple[np.ndarray, np.ndarray]],
        indices: np.ndarray,
        sampler: RareClassSampler | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """A crop of one of the frames with these indices."""
        if sampler is None:
            return self._view_of(rng, *frame(int(rng.choice(indices))))
        class_id, position = sampler.draw(rng)
        image, labels = frame(int(indices[position]))
        return sampler.crop(class_id, lambda: self._view_of(rng, image, labels))

    def _view_of(
        self, rng: np.random.Generator, image: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        scale = self._view.magnifications(magnification(self._config, *labels.shape))
        image, cropped = random_view(rng, image, labels, self._view.crop, scale)
        assert cropped is not None
        return image, cropped
