# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the gate measures of the classes that must not be lost: their pixels, their regions, and what became of both.

None of it is accuracy, as the target has no labels. A class is lost where the new version labels far fewer pixels or
finds far fewer objects than the running one, or gives up what that one was sure of; one that spreads over everything
is as useless.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from madm_model.labels import IGNORE

_FOUND = 0.25
"""Share of a region's pixels from which it counts as found, as for the boxes of street_thermal."""


@dataclass(frozen=True)
class ClassMeasures:
    """What is measured of one class in one version. Shares, 0 to 1; NaN where there was nothing to measure."""

    share: float
    """Share of the target's pixels."""
    regions: int
    """Connected regions in all frames that are looked at; specks are not counted."""
    size: float
    """Their median size, as a share of the frame."""
    kept: float
    """Of the pixels that the running version surely labels so, those this version labels so."""
    found: float
    """Of its regions among them, those of which this version labels at least a quarter so."""
    ensemble: float
    """IoU with the teacher ensemble, where the running version is sure of any class."""
    source_iou: float = math.nan
    """IoU on held-out source frames."""


@dataclass(frozen=True)
class LabelledMeasures:
    """Scores of one version on labelled target frames."""

    miou: float
    """Over the classes that occur."""
    class_iou: Mapping[str, float]
    """IoU of the protected classes that the labels show often enough, by name."""


class ClassTally:
    """Counts the protected classes of one version, frame by frame.

    Attributes:
        sure: what the running version is sure of, by frame: uint8 (H, W), 255 where it is not.
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        sure_confidence: float,
        smallest_region: float,
        sure: dict[int, np.ndarray] | None = None,
    ) -> None:
        """Begin to count.

        Args:
            classes: name and id of those to count.
            sure_confidence: confidence, 0 to 1, from which the running version is sure.
            smallest_region: share of a frame from which a region counts.
            sure: of the running version; None: this is the running version.
        """
        self._classes, self._confidence, self._smallest = dict(classes), sure_confidence, smallest_region
        self._is_running, self.sure = sure is None, {} if sure is None else sure
        self._counts = {name: _Counts() for name in self._classes}

    def add(self, index: int, labels: np.ndarray, confidence: np.ndarray, ensemble: np.ndarray | None) -> None:
        """Count a frame.

        Args:
            index: of the frame.
            labels: the version's, uint8 (H, W).
            confidence: likewise, 255 for certain.
            ensemble: the teacher ensemble's labels, uint8 (H, W); None without.
        """
        if self._is_running:
            self.sure[index] = np.where(confidence >= round(255 * self._confidence), labels, IGNORE).astype(np.uint8)
        sure = self.sure[index]
        smallest = max(1.0, self._smallest * labels.size)
        for name, class_id in self._classes.items():
            count, mask, surely = self._counts[name], labels == class_id, sure == class_id
            count.pixels += labels.size
            count.labelled += int(np.count_nonzero(mask))
            count.sizes += [area / labels.size for area in region_sizes(mask, self._smallest)]
            count.sure += int(np.count_nonzero(surely))
            count.kept += int(np.count_nonzero(mask & surely))
            numbers, areas = _regions(surely)
            kept = np.bincount(numbers[mask], minlength=len(areas) + 1)[1:] if areas.size else areas
            counting = areas >= smallest
            count.sure_regions += int(np.count_nonzero(counting))
            count.found += int(np.count_nonzero(kept[counting] >= _FOUND * areas[counting]))
            if ensemble is not None:
                both, known = ensemble == class_id, sure != IGNORE
                count.agreeing += int(np.count_nonzero(mask & both & known))
                count.either += int(np.count_nonzero((mask | both) & known))

    def measures(self, source_iou: Mapping[str, float]) -> dict[str, ClassMeasures]:
        """What came out, by the class's name.

        Args:
            source_iou: IoU of classes on held-out source frames; others are NaN.
        """
        return {
            name: ClassMeasures(
                _ratio(count.labelled, count.pixels),
                len(count.sizes),
                float(np.median(count.sizes)) if count.sizes else 0.0,
                _ratio(count.kept, count.sure),
                _ratio(count.found, count.sure_regions),
                _ratio(count.agreeing, count.either),
                float(source_iou.get(name, math.nan)),
            )
            for name, count in self._counts.items()
        }


class _Counts:
    """Of one class."""

    def __init__(self) -> None:
        self.pixels = self.labelled = self.sure = self.kept = self.sure_regions = self.found = 0
        self.agreeing = self.either = 0
        self.sizes: list[float] = []


def region_sizes(mask: np.ndarray, smallest: float) -> list[int]:
    """Pixels of the connected regions of a mask (H, W) that are this share of it or larger."""
    return [int(area) for area in _regions(mask)[1] if area >= max(1.0, smallest * mask.size)]


def _regions(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of its region, from 1, for every pixel of a mask (H, W), 0 outside; and the regions' pixels (N,)."""
    _, numbers, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    return numbers, statistics[1:, cv2.CC_STAT_AREA]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
