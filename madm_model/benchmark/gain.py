# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What an adapted model gains on several pools of unseen simulated streets, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from madm_model.benchmark.document import markdown_table
from madm_model.evaluation.bootstrap import miou_interval, miou_of
from madm_model.labels import STREET_11
from madm_model.model_config import ModelError
from madm_model.segmenter import Segmenter
from madm_model.training.config import FramePoolConfig
from madm_model.training.embedded import frame_matrices
from madm_model.training.frame_pool import render_pool

FIRST_SEED, POOL_DISTANCE = 8_000_000, 1000
"""Simulator seeds of the pools: nothing in this project trains on streets from here on."""


@dataclass(frozen=True)
class Gain:
    """Two models on the same streets."""

    modality: str
    """Sensor of the frames."""
    models: tuple[str, str]
    """The one that came first, and the one that is compared with it."""
    pools: tuple[np.ndarray, np.ndarray]
    """Of each model the confusion matrices of the streets, int64 (pools, streets, K + 1, K)."""

    def rows(self) -> Iterator[tuple[str, ...]]:
        """One of each pool, and one of all."""
        before, after = self.pools
        for number, (one, other) in enumerate(zip(before, after)):
            yield self._row(f"from seed {FIRST_SEED + POOL_DISTANCE * number}", one, other)
        classes = before.shape[-2:]
        yield self._row("**all**", before.reshape(-1, *classes), after.reshape(-1, *classes))

    def _row(self, pool: str, before: np.ndarray, after: np.ndarray) -> tuple[str, ...]:
        values = [100 * float(miou_of(counts.sum(axis=0))) for counts in (before, after)]
        low, high = (100 * end for end in miou_interval(after, before))
        gain = f"{values[1] - values[0]:+.1f} [{low:.1f}, {high:.1f}]"
        return (f"{self.modality}, `{self.models[1]}`", pool, *(f"{value:.1f}" for value in values), gain)


def measure_gain(
    segmenters: tuple[Segmenter, Segmenter],
    modality: str,
    pools: int,
    streets: int,
    frames: int,
    work_dir: Path,
    on_pool: Callable[[], object] = lambda: None,
) -> Gain:
    """Score two models on pools of streets.

    Args:
        segmenters: of the model that came first, and of the one that is compared with it.
        modality: thermal, depth, event or rgb.
        pools: how many.
        streets: of each pool.
        frames: of each street.
        work_dir: keeps the rendered frames.
        on_pool: called after each pool and model.

    Raises:
        ModelError: a model has other classes than the simulator.
    """
    for segmenter in segmenters:
        if segmenter.config.label_set != STREET_11:
            raise ModelError(f"model '{segmenter.config.name}' has other classes than the simulator")
    counts: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for number in range(pools):
        config = FramePoolConfig(FIRST_SEED + POOL_DISTANCE * number, streets, frames, modalities=(modality,))
        pool = render_pool(config, work_dir / f"{modality}-{number}")
        for segmenter, found in zip(segmenters, counts):
            of_frames = np.stack([matrix.counts for matrix in frame_matrices(segmenter, pool, modality)])
            found.append(of_frames.reshape(streets, frames, *of_frames.shape[1:]).sum(axis=1))
            on_pool()
    names = segmenters[0].config.name, segmenters[1].config.name
    return Gain(modality, names, (np.stack(counts[0]), np.stack(counts[1])))


def as_markdown(gains: Sequence[Gain], over: str, command: str, streets: int, frames: int) -> list[str]:
    """The table with its command, as lines."""
    header = ("sensor, model", "streets", f"`{over}`", "model", "gain")
    return [
        f"`{command}`: mIoU in % on pools of simulated streets that nothing has been trained or chosen on, "
        f"{streets} streets each, frames of a street: {frames}; in brackets 95 % intervals over streets.",
        "",
        *markdown_table(header, [row for gain in gains for row in gain.rows()]),
    ]
