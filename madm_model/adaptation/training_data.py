"""Batches for an adaptation job: crops of target frames and of the labelled source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from madm_model.adaptation.data import LabelledBatch
from madm_model.adaptation.rare_class_sampling import RareClassConfig, RareClassSampler
from madm_model.adaptation.source_frames import SourceFrames
from madm_model.adaptation.target_frames import TargetFrames
from madm_model.architecture import Architecture
from madm_model.model_config import ModelConfig
from madm_model.segmenter import magnification
from madm_model.training.appearance import AppearanceConfig, with_random_appearance
from madm_model.training.frame_pool import FramePool
from madm_model.training.views import random_view, stack_images

_HELD_OUT_SOURCE = 24


@dataclass(frozen=True)
class ViewConfig:
    """What of a frame the network sees in training."""

    batch_size: int = 1
    """Images of the source, and as many of the target, in one batch."""
    crop_height: int = 512
    """Rows of a crop, a multiple of the architecture's `size_multiple`."""
    crop_width: int = 512
    """Columns of a crop, likewise."""
    min_scale: float = 0.8
    """Smallest magnification of a frame against how the network sees it live."""
    max_scale: float = 1.6
    """Largest magnification."""
    rare_classes: bool = True
    """Draw source images of rare classes more often (Rare Class Sampling)."""
    source_appearance: bool = False
    """Show the source in random tones and as edges most of the time, as the embedded model was trained; officially
    it is shown as it is."""

    def __post_init__(self) -> None:
        if self.batch_size < 1 or not 0 < self.min_scale <= self.max_scale:
            raise ValueError("batch_size must be at least 1, and min_scale and max_scale a rising pair above 0")

    def check(self, architecture: Architecture) -> None:
        """Whether an architecture can take the crops.

        Raises:
            ValueError: it cannot.
        """
        multiple = architecture.size_multiple
        if self.crop_height % multiple or self.crop_width % multiple or min(self.crop_height, self.crop_width) < 1:
            raise ValueError(f"crop_height and crop_width must be multiples of {multiple}")

    @property
    def appearance(self) -> AppearanceConfig | None:
        """How the source is shown; None shows it as it is."""
        return AppearanceConfig() if self.source_appearance else None


class JobData:
    """`AdaptationData` of a job.

    Attributes:
        held_out: indices of source frames that are not trained on: the gate scores them.
    """

    def __init__(self, source: SourceFrames, target: TargetFrames, config: ModelConfig, view: ViewConfig) -> None:
        """Set source frames aside for the gate, about a tenth, and prepare the sampling of the others.

        Raises:
            ValueError: the crop does not fit the architecture.
        """
        view.check(config.architecture)
        self._source, self._target, self._config, self._view = source, target, config, view
        count = len(source.pixel_counts)
        self.held_out = np.unique(np.linspace(0, count - 1, min(_HELD_OUT_SOURCE, max(1, count // 10))).astype(int))
        self._indices = np.setdiff1d(np.arange(count), self.held_out)
        self._sampler = None
        if view.rare_classes:
            self._sampler = RareClassSampler(source.pixel_counts[self._indices], RareClassConfig())

    def source(self, rng: np.random.Generator) -> LabelledBatch:
        """RGB crops and their labels."""
        crops = [self._source_crop(rng) for _ in range(self._view.batch_size)]
        return LabelledBatch(*FramePool.batch(with_random_appearance(rng, crops, self._view.appearance)))

    def target(self, rng: np.random.Generator) -> torch.Tensor:
        """Crops of target frames."""
        indices = rng.choice(self._target.training, self._view.batch_size)
        view = self._scale(1 / self._target.enlargement)
        return stack_images(
            [random_view(rng, self._target.images[index], None, self._crop, view)[0] for index in indices]
        )

    @property
    def _crop(self) -> tuple[int, int]:
        return self._view.crop_height, self._view.crop_width

    def _scale(self, live: float) -> tuple[float, float]:
        """Range of magnifications of a frame that the network sees magnified by `live`."""
        return self._view.min_scale * live, self._view.max_scale * live

    def _source_crop(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if self._sampler is None:
            return self._view_of(rng, *self._source.frame(int(rng.choice(self._indices))))
        class_id, position = self._sampler.draw(rng)
        image, labels = self._source.frame(int(self._indices[position]))
        return self._sampler.crop(class_id, lambda: self._view_of(rng, image, labels))

    def _view_of(
        self, rng: np.random.Generator, image: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        live = magnification(self._config, *labels.shape)
        image, cropped = random_view(rng, image, labels, self._crop, self._scale(live))
        assert cropped is not None
        return image, cropped
