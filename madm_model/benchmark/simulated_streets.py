# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The simulator as a benchmark: labelled RGB streets, other streets as the target, unseen ones for the scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from madm_model.adaptation.data.batches import AdaptationData, FramePoolData
from madm_model.adaptation.data.rare_class_sampling import RareClassConfig
from madm_model.benchmark.config import BenchmarkConfig
from madm_model.benchmark.plan import ANY_MODALITY, Run
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig, magnification
from madm_model.segmenter import Segmenter
from madm_model.training.embedded import frame_matrices, score_pool
from madm_model.training.frame_pool import FramePool, render_pool


class FirstFrames(FramePool):
    """The first frames of a pool: fewer streets, as a shorter drive has."""

    def __init__(self, pool: FramePool, count: int) -> None:
        self.images = {name: images[:count] for name, images in pool.images.items()}
        self.labels = pool.labels[:count]


class SimulatedStreets:
    """Task of a benchmark on simulated frames.

    Attributes:
        headline: scores of the main table.
        primary: score of sweeps and curves.
        reference_name, reference: none.
    """

    headline: tuple[str, ...] = ("mIoU",)
    primary = "mIoU"
    reference_name = ""
    reference: Mapping[str, float] = MappingProxyType({})

    def __init__(self, config: BenchmarkConfig, model: ModelConfig, work_dir: Path) -> None:
        """Render the streets into the work directory, or use what an earlier call rendered.

        Raises:
            ValueError: the model has other classes than the simulator, or more target frames are asked for than
                rendered.
        """
        if model.label_set != STREET_11:
            raise ValueError(f"the simulator has {len(STREET_11)} classes, but model '{model.name}' has other ones")
        available = config.streets.target.streets * config.streets.target.frames_per_street
        if max(config.target_frames) > available:
            raise ValueError(f"target_frames asks for {max(config.target_frames)}, but streets.target has {available}")
        self._config, self._model = config, model
        streets, modalities = config.streets, config.modalities
        self._source = render_pool(replace(streets.source, modalities=("rgb",)), work_dir / "source_frames")
        self._target = render_pool(replace(streets.target, modalities=modalities), work_dir / "target_frames")
        self._test = render_pool(replace(streets.test, modalities=modalities), work_dir / "test_frames")

    def data(self, run: Run) -> AdaptationData:
        """Batches of a run."""
        view = self._config.view
        live = magnification(self._model, *self._source.labels.shape[1:])
        return FramePoolData(
            self._source,
            FirstFrames(self._target, run.target_frames) if run.target_frames else self._target,
            self._config.modalities[0] if run.modality == ANY_MODALITY else run.modality,
            len(STREET_11),
            view.batch_size,
            view.crop,
            (view.min_scale * live, view.max_scale * live),
            RareClassConfig() if view.rare_classes else None,
            view.appearance,
        )

    def scores(self, segmenter: Segmenter, modality: str) -> dict[str, float]:
        """mIoU and IoU per class on the unseen streets, in percent; a class that does not occur is left out."""
        scores = score_pool(segmenter, self._test, modality)
        class_iou = dict(zip(STREET_11.names, scores.class_iou))
        return {"mIoU": 100 * scores.miou} | {
            f"{name} IoU": 100 * float(value) for name, value in class_iou.items() if not np.isnan(value)
        }

    def blocks(self, segmenter: Segmenter, modality: str) -> np.ndarray:
        """Confusion matrices of the unseen streets, int64 (streets, K + 1, K)."""
        of_frames = [matrix.counts for matrix in frame_matrices(segmenter, self._test, modality)]
        frames = self._config.streets.test.frames_per_street
        return np.stack(of_frames).reshape(-1, frames, *of_frames[0].shape).sum(axis=1)

    def describe(self) -> str:
        """The frames, in one sentence."""
        source, target, test = (
            f"{pool.streets} streets x {pool.frames_per_street} frames (seeds from {pool.first_seed})"
            for pool in (self._config.streets.source, self._config.streets.target, self._config.streets.test)
        )
        return f"Source: {source}. Target: {target}. Scored on {test}."
