# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Measures the shift of simulated streets against a reference of others by day, beside what it does to the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from madm_model.benchmark.shift.conditions import CONDITIONS, drive, network_image
from madm_model.evaluation import ConfusionMatrix
from madm_model.labels import STREET_11
from madm_model.model_config import ModelError
from madm_model.segmenter import Segmenter
from madm_model.shift.frame_statistics import PARTS, frame_statistics
from madm_model.shift.reference import ShiftReference

_KNOWN_SEED, _TEST_SEED = 5_000_000, 5_100_000
_KNOWN_FRAMES = 4
"""Of each known street: as many as the reference compares with the others at once."""


@dataclass(frozen=True)
class Row:
    """What was measured in one condition."""

    modality: str
    model: str
    condition: str
    miou: float
    """Of the frames, 0 to 1."""
    shifts: tuple[float, ...]
    """Of each street."""
    parts: tuple[str, ...]
    """The largest part of each street's shift."""


def know(segmenter: Segmenter, images: Iterable[np.ndarray]) -> ShiftReference:
    """The reference of a model for images that it is to know, uint8 (H, W, 3) each, in the order of time."""
    classes = len(segmenter.config.label_set)
    statistics = []
    for image in images:
        (result,) = segmenter.segment([image])
        statistics.append(frame_statistics(image, result.labels, result.confidence, classes))
    return ShiftReference.of_frames(statistics)


def measure(
    segmenter: Segmenter,
    modality: str,
    known_streets: int,
    streets: int,
    frames: int,
    on_frame: Callable[[], object] = lambda: None,
) -> list[Row]:
    """The rows of one model.

    Args:
        segmenter: the model, of `STREET_11`.
        modality: of `conditions.MODALITIES`.
        known_streets: by day, four frames each, which the reference is made of.
        streets: of each condition.
        frames: of each of these streets, 12 s apart; their mean is one window of the monitor.
        on_frame: called after each frame.

    Raises:
        ModelError: the model has other classes than the simulator.
    """
    if segmenter.config.label_set != STREET_11:
        raise ModelError(f"model '{segmenter.config.name}' has other classes than the simulator")

    def known() -> Iterable[np.ndarray]:
        for seed in range(_KNOWN_SEED, _KNOWN_SEED + known_streets):
            for frame in drive(seed, _KNOWN_FRAMES, "day"):
                yield network_image(frame, modality)
                on_frame()

    reference = know(segmenter, known())
    matrices = {name: ConfusionMatrix(len(STREET_11)) for name in CONDITIONS}
    distances: dict[str, list[dict[str, float]]] = {name: [] for name in CONDITIONS}
    for seed in range(_TEST_SEED, _TEST_SEED + streets):
        for time_of_day in ("day", "night"):
            statistics: dict[str, list[dict[str, np.ndarray]]] = {
                name: [] for name, (when, _) in CONDITIONS.items() if when == time_of_day
            }
            for clear in drive(seed, frames, time_of_day):
                for name, seen in statistics.items():
                    frame = CONDITIONS[name][1](clear)
                    image = network_image(frame, modality)
                    (result,) = segmenter.segment([image])
                    matrices[name].add(result.labels, frame.labels)
                    seen.append(frame_statistics(image, result.labels, result.confidence, len(STREET_11)))
                    on_frame()
            for name, seen in statistics.items():
                means = {part: np.mean([one[part] for one in seen], axis=0) for part in PARTS}
                distances[name].append({part: reference.parts[part].distance(means[part]) for part in PARTS})
    return [
        Row(
            modality,
            segmenter.config.name,
            name,
            matrices[name].scores().miou,
            tuple(max(parts.values()) for parts in distances[name]),
            tuple(max(parts, key=parts.__getitem__) for parts in distances[name]),
        )
        for name in CONDITIONS
    ]


def count_frames(known_streets: int, streets: int, frames: int) -> int:
    """How often `measure` calls `on_frame`."""
    return known_streets * _KNOWN_FRAMES + len(CONDITIONS) * streets * frames


def as_markdown(rows: Sequence[Row], command: str, known_streets: int, frames: int) -> list[str]:
    """The table with its command, as lines."""
    streets = len(rows[0].shifts) if rows else 0
    lines = [
        f"`{command}`: a reference of {known_streets} streets by day, then {streets} others in each condition, "
        f"{frames} frames of each, 12 s apart, as one window. The networks know night; the reference does not.",
        "",
        "| sensor, model | streets | mIoU | shift: median, least, most | above 1 | largest part |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        above = sum(shift > 1 for shift in row.shifts)
        part = max(set(row.parts), key=row.parts.count)
        spread = f"{median(row.shifts):.2f}, {min(row.shifts):.2f}, {max(row.shifts):.2f}"
        lines.append(
            f"| {row.modality}, `{row.model}` | {row.condition} | {100 * row.miou:.1f} | {spread} | "
            f"{above} of {len(row.shifts)} | {part} |"
        )
    return lines
