# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The gate's measures and verdict, on numbers that can be checked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from madm_model.jobs.gate import (
    GateConfig,
    Measures,
    choose_runs,
    decide,
    effective_classes,
    measure_target,
    temporal_consistency,
)

RUNNING = Measures(0.7, 0.8, (0.5, 0.3, 0.2), 0.9, 0.6)


def failed(new: Measures, running: Measures = RUNNING) -> list[str]:
    return [check.name for check in decide(running, new, GateConfig()).checks if not check.passed]


def test_the_running_version_itself_passes() -> None:
    result = decide(RUNNING, RUNNING, GateConfig())
    assert result.passed
    assert result.reason == ""
    assert len(result.checks) == 7


@pytest.mark.parametrize(
    ("field", "just_enough", "too_little", "name"),
    [
        ("agreement", 0.651, 0.649, "agreement"),
        ("confidence", 0.651, 0.649, "confidence"),
        ("temporal", 0.851, 0.849, "temporal consistency"),
        ("source_miou", 0.551, 0.549, "source mIoU"),
        ("finite", 1.0, 0.99, "finite scores"),
    ],
)
def test_a_measure_may_fall_by_its_limit_and_no_further(field, just_enough, too_little, name) -> None:
    assert failed(replace(RUNNING, **{field: just_enough})) == []
    assert failed(replace(RUNNING, **{field: too_little})) == [name]


def test_a_collapsed_histogram_fails() -> None:
    assert failed(replace(RUNNING, histogram=(0.97, 0.02, 0.01))) == ["classes", "largest class"]
    # A version that is no worse than a running one that had collapsed already may pass.
    collapsed = replace(RUNNING, histogram=(0.99, 0.01, 0.0))
    assert failed(collapsed, collapsed) == []


def test_what_cannot_be_measured_of_the_running_version_is_not_checked() -> None:
    still = replace(RUNNING, temporal=math.nan)
    assert "temporal consistency" not in [check.name for check in decide(still, still, GateConfig()).checks]


def test_a_new_version_that_cannot_be_measured_fails() -> None:
    assert failed(replace(RUNNING, source_miou=math.nan)) == ["source mIoU"]


def test_the_reason_names_value_and_limit() -> None:
    result = decide(RUNNING, replace(RUNNING, confidence=0.25), GateConfig())
    assert result.reason == "confidence is 0.250, limit 0.650"
    assert result.to_dict()["passed"] is False


@pytest.mark.parametrize(
    ("histogram", "expected"), [((1.0, 0.0), 1.0), ((0.25,) * 4, 4.0), ((0.5, 0.5, 0.0), 2.0), ((0.0, 0.0), 0.0)]
)
def test_effective_classes(histogram, expected) -> None:
    assert effective_classes(histogram) == pytest.approx(expected)


def textured(shift: int) -> np.ndarray:
    """A smooth random texture, moved to the right, uint8 (64, 96, 3)."""
    import cv2

    noise = np.random.default_rng(0).uniform(0, 255, (16, 40)).astype(np.float32)
    wide = cv2.resize(noise, (240, 64), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)
    return np.dstack([wide[:, 60 - shift : 156 - shift]] * 3)


def test_labels_that_move_with_the_picture_are_consistent() -> None:
    columns = np.tile(np.arange(96) // 12, (64, 1)).astype(np.uint8)
    moved = np.roll(columns, 6, axis=1)
    same, seen = temporal_consistency((textured(0), textured(6)), (columns, moved))
    assert seen > 0.5 * columns.size
    assert same / seen > 0.93
    still, seen = temporal_consistency((textured(0), textured(6)), (columns, columns))
    assert still / seen < 0.7


def test_unrelated_pictures_say_nothing_about_consistency() -> None:
    labels = np.zeros((64, 96), np.uint8)
    dark, bright = np.full((64, 96, 3), 10, np.uint8), np.full((64, 96, 3), 200, np.uint8)
    assert temporal_consistency((dark, bright), (labels, labels)) == (0, 0)


def test_runs_are_pairs_spread_over_the_bags() -> None:
    runs = choose_runs([np.arange(10, 20), np.arange(50, 55)], 100)
    assert [run.tolist() for run in runs] == [
        [10, 11],
        [12, 13],
        [14, 15],
        [16, 17],
        [18, 19],
        [50, 51],
        [52, 53],
        [54],
    ]
    few = choose_runs([np.arange(10, 20), np.arange(50, 55)], 4)
    assert [run.tolist() for run in few] == [[10, 11], [54]]


def test_measures_of_a_version_on_two_frames() -> None:
    picture = textured(0)
    left = np.zeros((64, 96), np.uint8)
    left[:, 48:] = 1
    confidence = np.full((64, 96), 51, np.uint8)
    answers = {0: left, 1: np.zeros_like(left)}
    frames = {0: picture, 1: picture.copy()}
    frames[1][0, 0] = 1  # told apart by this pixel alone

    def label(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return answers[int((image == frames[1]).all())], confidence

    agreement, certainty, histogram, temporal = measure_target(
        [np.array([0, 1])], frames.__getitem__, label, lambda index: np.zeros_like(left), 3
    )
    assert agreement == pytest.approx(0.75)
    assert certainty == pytest.approx(0.2)
    assert histogram == pytest.approx((0.75, 0.25, 0.0))
    assert temporal == pytest.approx(0.5, abs=0.02)
