# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the gate measures of a version on labelled frames, by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np

from madm_model.jobs.gate import GateConfig, Measures, decide
from madm_model.jobs.gate_run import _Version, make_tally
from madm_model.labels import STREET_11

ROAD, PERSON, WALL = (STREET_11.names.index(name) for name in ("road", "person", "wall"))


def measured(predicted: np.ndarray, truth: np.ndarray) -> Measures:
    """A version that labels every frame alike, on one labelled frame of a source."""
    result = SimpleNamespace(labels=predicted, confidence=np.full(predicted.shape, 255, np.uint8))
    segmenter = SimpleNamespace(config=SimpleNamespace(label_set=STREET_11), segment=lambda _images: [result])
    picture = np.random.default_rng(0).integers(0, 255, (*truth.shape, 3)).astype(np.uint8)
    target = SimpleNamespace(images=np.stack([picture, picture]))
    source = SimpleNamespace(frame=lambda _index: (picture, truth))
    version = _Version(segmenter, lambda: None)
    runs, tally = [np.array([0, 1])], make_tally(GateConfig(), STREET_11)
    return version.measure(runs, target, {0: predicted, 1: predicted}, source, np.array([0]), tally)


def test_classes_that_the_source_does_not_show_are_no_part_of_its_scores() -> None:
    truth = np.full((40, 60), ROAD, np.uint8)
    truth[:20] = STREET_11.names.index("building")
    half = truth.copy()
    half[20:, ::2] = 255  # a half of the road is missed
    stray = half.copy()
    stray[0, 0] = WALL
    stray[0, 1:9] = PERSON
    plain, mistaken = measured(half, truth), measured(stray, truth)
    assert plain.source_miou == 0.75
    assert 0.74 < mistaken.source_miou < 0.75  # by the pixels of the building, not by two more classes
    assert math.isnan(mistaken.protected["person"].source_iou)
    for running, new in ((mistaken, plain), (plain, mistaken)):
        failed = [check.name for check in decide(running, new, GateConfig(fewest_regions=1)).checks if not check.passed]
        assert "source mIoU" not in failed and "source IoU" not in failed
