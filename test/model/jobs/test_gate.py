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

from madm_model.jobs.gate import GateConfig, Measures, decide
from madm_model.jobs.gate_classes import ClassMeasures, ClassTally, LabelledMeasures
from madm_model.jobs.gate_measures import choose_runs, effective_classes, measure_target, temporal_consistency
from madm_model.labels import STREET_11, LabelSet

RUNNING = Measures(0.7, 0.8, (0.5, 0.3, 0.2), 0.9, 0.6)
PERSONS = ClassMeasures(share=0.01, regions=40, size=0.002, kept=1.0, found=1.0, ensemble=0.8, source_iou=0.5)
PROTECTING = replace(RUNNING, protected={"person": PERSONS})
LOOSE = GateConfig(
    pixel_ratio=0.5,
    pixel_growth=2.0,
    region_ratio=0.5,
    size_ratio=0.5,
    kept_share=0.5,
    found_share=0.5,
    ensemble_drop=0.2,
    class_source_drop=0.2,
    fewest_regions=5,
)


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
    ("field", "just_enough", "too_bad", "name"),
    [
        ("share", 0.0051, 0.0049, "pixels"),
        ("share", 0.0199, 0.0201, "pixels at most"),
        ("regions", 20, 19, "regions"),
        ("size", 0.0011, 0.0009, "region size"),
        ("kept", 0.51, 0.49, "sure pixels kept"),
        ("found", 0.51, 0.49, "sure regions found"),
        ("ensemble", 0.61, 0.59, "agreement"),
        ("source_iou", 0.31, 0.29, "source IoU"),
    ],
)
def test_a_protected_class_may_lose_so_much_and_no_more(field, just_enough, too_bad, name) -> None:
    def failures(value: float) -> list[tuple[str, str]]:
        new = replace(RUNNING, protected={"person": replace(PERSONS, **{field: value})})
        checks = decide(PROTECTING, new, LOOSE).checks
        return [(check.class_name, check.name) for check in checks if not check.passed]

    assert failures(just_enough) == []
    assert failures(too_bad) == [("person", name)]


def test_the_verdict_names_the_class_that_was_lost_and_the_numbers() -> None:
    lost = replace(PERSONS, share=0.00123, regions=11)
    result = decide(PROTECTING, replace(RUNNING, protected={"person": lost}), LOOSE)
    assert result.reason == ("person: pixels 0.00123, was 0.01, limit 0.005; person: regions 11, was 40, limit 20")
    rows = {row["name"]: row["class_name"] for row in result.to_dict()["checks"]}
    assert rows["regions"] == "person"
    assert rows["confidence"] == ""


def test_a_class_that_hardly_occurs_is_not_checked_and_that_is_said() -> None:
    rare = replace(RUNNING, protected={"person": replace(PERSONS, regions=4)})
    gone = replace(RUNNING, protected={"person": replace(PERSONS, regions=0, share=0.0)})
    result = decide(rare, gone, LOOSE)
    assert result.passed
    assert result.notes == (
        "person is not checked by itself: the running version shows 4 regions of it in the frames that are looked at, "
        "fewer than 5",
    )


def test_what_of_a_class_cannot_be_measured_is_not_checked() -> None:
    alone = replace(RUNNING, protected={"person": replace(PERSONS, ensemble=math.nan, source_iou=math.nan)})
    names = [check.name for check in decide(alone, alone, LOOSE).checks if check.class_name]
    assert names == ["pixels", "pixels at most", "regions", "region size", "sure pixels kept", "sure regions found"]


def test_labelled_frames_decide_first_and_alone_about_the_classes_that_they_show() -> None:
    fewer = replace(PERSONS, share=0.001, regions=2)  # without labels it would look lost
    scores = LabelledMeasures(0.4, {"person": 0.3})
    running = replace(RUNNING, protected={"person": PERSONS, "pole": PERSONS}, labelled=scores)
    new = replace(running, protected={"person": fewer, "pole": PERSONS})
    result = decide(running, new, LOOSE)
    assert result.passed
    assert [(check.class_name, check.name) for check in result.checks[:2]] == [
        ("person", "labelled IoU"),
        ("", "labelled mIoU"),
    ]
    assert [check.class_name for check in result.checks[9:]] == ["pole"] * 8
    worse = replace(new, labelled=LabelledMeasures(0.399, {"person": 0.299}))
    assert decide(running, worse, LOOSE).reason == (
        "person: labelled IoU 0.299, was 0.3, limit 0.3; labelled mIoU is 0.399, limit 0.400"
    )
    assert decide(running, worse, replace(LOOSE, labelled_drop=0.01)).passed


def test_classes_are_protected_by_name() -> None:
    assert GateConfig().protected(STREET_11) == {"person": 3, "vehicle": 8}
    indoors = LabelSet(("floor", "person"), ((0, 0, 0), (1, 1, 1)))
    assert GateConfig().protected(indoors) == {"person": 1}  # what a default names need not be there
    assert GateConfig(protect=("floor", "")).protected(indoors) == {"floor": 0}
    with pytest.raises(ValueError, match="protect names 'persn', but the model's classes are floor, person"):
        GateConfig(protect=("persn",)).protected(indoors)


def test_pixels_and_regions_of_a_class_are_counted() -> None:
    running = np.zeros((10, 20), np.uint8)
    running[1:5, 1:5] = 1  # 16 pixels, sure
    running[1:3, 8:16] = 1  # 16 pixels, sure
    running[6:10, 10:12] = 1  # 8 pixels, not sure
    running[9, 19] = 1  # a speck
    confidence = np.full((10, 20), 250, np.uint8)
    confidence[6:] = 100
    first = ClassTally({"person": 1}, sure_confidence=0.8, smallest_region=0.02)
    first.add(7, running, confidence, running)
    measures = first.measures({"person": 0.4})["person"]
    assert measures == ClassMeasures(41 / 200, 3, 16 / 200, 1.0, 1.0, 1.0, 0.4)

    new = np.zeros((10, 20), np.uint8)
    new[1:5, 1:5] = 1  # found again
    new[1, 8:11] = 1  # 3 of 16 pixels: not found, a speck
    new[7:10, 4:8] = 1  # found only now, where the running version is sure of nothing
    second = ClassTally({"person": 1}, 0.8, 0.02, first.sure)
    second.add(7, new, confidence, running)
    measures = second.measures({})["person"]
    assert measures.share == pytest.approx(31 / 200)
    assert measures.regions == 2
    assert measures.size == pytest.approx(14 / 200)
    assert measures.kept == pytest.approx(19 / 32)
    assert measures.found == pytest.approx(1 / 2)
    assert measures.ensemble == pytest.approx(19 / 32)
    assert math.isnan(measures.source_iou)


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
