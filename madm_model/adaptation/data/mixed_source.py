# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Several labelled sources as one, each with its share of the batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from madm_model.adaptation.data.source_frames import SourceFrames


class MixedSource:
    """`SourceFrames` of several sources, one after the other.

    Attributes:
        sources: as given.
        parts: the indices of each source.
        shares: float (S,), how often an image is drawn from each; they sum to 1.
    """

    def __init__(self, sources: Sequence[SourceFrames], shares: Sequence[float]) -> None:
        """Join sources of the same classes; shares count in proportion."""
        self.sources = sources
        self.shares = np.asarray(shares, float) / sum(shares)
        ends = np.cumsum([len(source.pixel_counts) for source in sources])
        self.parts = [np.arange(end - len(source.pixel_counts), end) for end, source in zip(ends, sources)]
        self.pixel_counts = np.concatenate([source.pixel_counts for source in sources])

    def frame(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """One frame of the source that the index is in."""
        number = next(number for number, part in enumerate(self.parts) if index <= part[-1])
        return self.sources[number].frame(index - int(self.parts[number][0]))


def class_shares(source: SourceFrames) -> np.ndarray:
    """Share of the pixels of every class in what is drawn uniformly from a source, float (K,)."""
    parts, weights = parts_of(source)
    totals = [source.pixel_counts[part].sum(axis=0) for part in parts]
    return np.sum([weight * total / max(total.sum(), 1) for weight, total in zip(weights, totals)], axis=0)


def parts_of(source: SourceFrames) -> tuple[list[np.ndarray], np.ndarray]:
    """Indices of every source in one, and its share; any other source is one part."""
    if isinstance(source, MixedSource):
        return source.parts, source.shares
    return [np.arange(len(source.pixel_counts))], np.ones(1)
