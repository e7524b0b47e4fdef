# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What frames a model knows: their statistics, in a small file beside its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from madm_model.io import durable
from madm_model.io.json_files import read_object
from madm_model.shift.frame_statistics import PARTS, mean_confidence

REFERENCE_FILE = "shift.json"
"""In a model folder, beside config and weights."""

_FORMAT = 1
_BLOCK = 4
"""Frames of which a mean is compared with the others, to see how far known ones are apart."""
MIN_FRAMES = 4 * _BLOCK
"""Fewer frames make no reference."""
_FLOOR = 0.02
"""Added to a spread, so that what never varied in the reference does not weigh everything."""


@dataclass(frozen=True)
class PartReference:
    """One part of the statistics over the known frames."""

    mean: np.ndarray
    """Of each entry, (D,)."""
    spread: np.ndarray
    """Standard deviation of each entry from frame to frame, (D,)."""
    known: float
    """Largest distance of a few successive frames of them from the others."""

    def distance(self, mean: np.ndarray) -> float:
        """How far a mean of frames is: 1 is as far as the least usual of the known ones."""
        return _distance(mean, self.mean, self.spread) / self.known


@dataclass(frozen=True)
class ShiftReference:
    """Statistics of the frames that a model was made for."""

    frames: int
    """How many there were."""
    parts: Mapping[str, PartReference]
    """By name, as `PARTS`."""

    @classmethod
    def of_frames(cls, statistics: Sequence[Mapping[str, np.ndarray]]) -> ShiftReference:
        """Make it of the frames' statistics, which are in the order of time, recording after recording.

        Raises:
            ValueError: there are fewer than `MIN_FRAMES`.
        """
        if len(statistics) < MIN_FRAMES:
            raise ValueError(f"{len(statistics)} frames are too few to know them again: {MIN_FRAMES} are needed")
        return cls(len(statistics), {part: _part([one[part] for one in statistics]) for part in PARTS})

    @property
    def confidence(self) -> float:
        """Mean confidence in the known frames, 0 to 1."""
        return mean_confidence(self.parts["confidence"].mean)

    @property
    def num_classes(self) -> int:
        """Of the model."""
        return len(self.parts["classes"].mean) - 1

    def save(self, folder: Path) -> None:
        """Write it into a model folder.

        Raises:
            OSError: it cannot be written.
        """
        parts = {
            name: {"mean": part.mean.round(6).tolist(), "spread": part.spread.round(6).tolist(), "known": part.known}
            for name, part in self.parts.items()
        }
        path = folder / REFERENCE_FILE
        durable.write_json(path, {"format": _FORMAT, "frames": self.frames, "parts": parts})
        path.chmod(folder.stat().st_mode & 0o666)  # as the weights: an installed model is for everybody

    @classmethod
    def load(cls, folder: Path) -> ShiftReference | None:
        """Read it from a model folder; None where it has none.

        Raises:
            ValueError: the file is damaged, or of another release.
        """
        path = folder / REFERENCE_FILE
        try:
            data = read_object(path)
            if data["format"] != _FORMAT:
                raise ValueError(f"its format is {data['format']}, not {_FORMAT}")
            return cls(int(data["frames"]), {name: _read_part(data["parts"][name]) for name in PARTS})
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path} cannot be used ({error}): make it again with 'madm reference'") from None


def _part(vectors: Sequence[np.ndarray]) -> PartReference:
    frames = np.stack(vectors)
    blocks = np.array_split(np.arange(len(frames)), len(frames) // _BLOCK)
    distances = []
    for block in blocks:
        others = np.delete(frames, block, axis=0)
        distances.append(_distance(frames[block].mean(axis=0), others.mean(axis=0), others.std(axis=0)))
    return PartReference(frames.mean(axis=0), frames.std(axis=0), max(*distances, _FLOOR))


def _distance(mean: np.ndarray, known: np.ndarray, spread: np.ndarray) -> float:
    """Root of the mean square of the differences, each in units of its spread."""
    return float(np.sqrt((((mean - known) / (spread + _FLOOR)) ** 2).mean()))


def _read_part(data: Mapping[str, object]) -> PartReference:
    mean, spread, known = np.asarray(data["mean"], float), np.asarray(data["spread"], float), float(data["known"])
    if mean.ndim != 1 or mean.shape != spread.shape or not np.isfinite([*mean, *spread]).all():
        raise ValueError("its numbers do not fit together")
    if not (math.isfinite(known) and known > 0) or (spread < 0).any():
        raise ValueError("its distances are no distances")
    return PartReference(mean, spread, known)
