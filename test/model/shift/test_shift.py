# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How far frames are from what a model knows: more of the same is near, another brightness, blur or label is far."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import cv2
import numpy as np
import pytest

from madm_model.checkpoint.model_names import embedded_model, resolve_model
from madm_model.labels import STREET_11
from madm_model.shift.frame_statistics import PARTS, frame_statistics
from madm_model.shift.monitor import ShiftMonitor
from madm_model.shift.reference import MIN_FRAMES, REFERENCE_FILE, ShiftReference

CLASSES = 5
Frame = tuple[np.ndarray, np.ndarray, np.ndarray]


def scene(seed: int, size: tuple[int, int] = (96, 128)) -> Frame:
    """A frame with some structure, its labels and its confidence."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(60, 200, (6, 8)).astype(np.uint8)
    grey = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    image = np.repeat(np.clip(grey + rng.normal(0, 4, size), 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    labels = (cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_NEAREST) // 40 - 1).astype(np.uint8)
    return image, labels, np.full(size, 200 + seed % 8, np.uint8)


def statistics(frame: Frame) -> dict[str, np.ndarray]:
    return frame_statistics(*frame, CLASSES)


@pytest.fixture(scope="module")
def reference() -> ShiftReference:
    return ShiftReference.of_frames([statistics(scene(seed)) for seed in range(48)])


class Stream:
    """A monitor with a clock of its own."""

    def __init__(self, reference: ShiftReference | None, window_s: float = 60.0) -> None:
        self.now = 0.0
        self.monitor = ShiftMonitor(window_s, lambda: self.now)
        self.monitor.reference = reference

    def show(self, frames: list[Frame], period_s: float = 2.0) -> None:
        for frame in frames:
            self.now += period_s
            self.monitor.look(*frame)


SAME = [scene(seed) for seed in range(1000, 1030)]


def test_more_of_the_same_is_near_and_other_frames_are_far(reference) -> None:
    def value(change) -> tuple[float, str]:
        stream = Stream(reference)
        stream.show([change(*frame) for frame in SAME])
        shift = stream.monitor.shift()
        return shift.value, shift.part

    near, _ = value(lambda *frame: frame)
    assert near < 0.8
    dark = value(lambda image, labels, sure: (image // 4, labels, sure))
    blurred = value(lambda image, labels, sure: (cv2.GaussianBlur(image, (0, 0), 4), labels, sure))
    unsure = value(lambda image, labels, sure: (image, labels, sure // 2))
    others = value(lambda image, labels, sure: (image, np.where(labels == 1, np.uint8(4), labels), sure))
    assert all(distance > 1.5 for distance, _ in (dark, blurred, unsure, others)), (dark, blurred, unsure, others)
    assert (blurred[1], unsure[1], others[1]) == ("texture", "confidence", "classes")


def test_a_window_forgets_what_was_before_and_needs_enough_frames(reference) -> None:
    stream = Stream(reference)
    stream.show([scene(seed) for seed in range(9)])
    assert stream.monitor.shift() is None
    dark = [(image // 4, labels, sure) for image, labels, sure in SAME]
    stream.show(dark)
    far = stream.monitor.shift().value
    stream.show(SAME)
    assert stream.monitor.shift().value < 0.8 < 1.5 < far
    stream.now += 61
    assert stream.monitor.shift() is None


def test_frames_are_looked_at_evenly_however_many_come(reference, monkeypatch) -> None:
    from madm_model.shift import monitor

    looked: list[int] = []
    monkeypatch.setattr(monitor, "frame_statistics", lambda *frame: looked.append(1) or statistics(SAME[0]))
    stream = Stream(reference, window_s=30.0)
    stream.show(SAME * 20, period_s=0.1)  # 60 s
    assert 55 <= len(looked) <= 61


def test_mean_confidence_is_told_beside_the_known_one(reference) -> None:
    stream = Stream(reference)
    stream.show([(image, labels, np.full_like(sure, 51)) for image, labels, sure in SAME])
    shift = stream.monitor.shift()
    assert shift.confidence == pytest.approx(0.2)
    assert shift.known_confidence == pytest.approx(203.5 / 255, abs=0.01)


def test_without_a_reference_nothing_is_said_and_another_one_starts_anew(reference) -> None:
    stream = Stream(None)
    stream.show(SAME)
    assert stream.monitor.shift() is None
    stream.monitor.reference = reference
    stream.show(SAME)
    assert stream.monitor.shift() is not None
    stream.monitor.reference = reference
    assert stream.monitor.shift() is None


def test_statistics_do_not_depend_on_the_size_of_the_image() -> None:
    small = scene(1)
    large = tuple(cv2.resize(array, (512, 384), interpolation=cv2.INTER_NEAREST) for array in small)
    for part in PARTS[:3]:
        np.testing.assert_allclose(statistics(small)[part], statistics(large)[part], atol=0.02)
    unlabelled = frame_statistics(small[0], np.full_like(small[1], 255), small[2], CLASSES)
    assert unlabelled["classes"].tolist() == [0.0] * (CLASSES + 1)


def test_a_reference_is_read_back_and_a_damaged_one_named(reference, tmp_path: Path) -> None:
    assert ShiftReference.load(tmp_path) is None
    tmp_path.chmod(0o755)
    reference.save(tmp_path)
    path = tmp_path / REFERENCE_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert path.stat().st_size < 20_000
    again = ShiftReference.load(tmp_path)
    assert (again.frames, again.num_classes) == (48, CLASSES)
    mean = statistics(SAME[0])
    for part in PARTS:
        assert again.parts[part].distance(mean[part]) == pytest.approx(reference.parts[part].distance(mean[part]), 1e-3)
    good = json.loads(path.read_text())
    for bad in (
        good | {"format": 7},
        good | {"parts": {}},
        good | {"parts": good["parts"] | {"image": good["parts"]["image"] | {"known": 0}}},
        good | {"parts": good["parts"] | {"image": good["parts"]["image"] | {"mean": [1.0]}}},
        good | {"parts": good["parts"] | {"image": 3}},
    ):
        path.write_text(json.dumps(bad))
        with pytest.raises(ValueError, match=r"shift.json cannot be used \(.*\): make it again with 'madm reference'"):
            ShiftReference.load(tmp_path)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"shift.json cannot be used"):
        ShiftReference.load(tmp_path)


def test_too_few_frames_make_no_reference() -> None:
    with pytest.raises(ValueError, match=f"15 frames are too few .* {MIN_FRAMES} are needed"):
        ShiftReference.of_frames([statistics(scene(seed)) for seed in range(15)])


@pytest.mark.parametrize("modality", ["thermal", "depth", "rgb"])
def test_the_embedded_models_say_what_they_know(modality: str) -> None:
    known = ShiftReference.load(resolve_model(embedded_model(modality)))
    assert known is not None
    assert (known.num_classes, known.frames) == (len(STREET_11), 48)
    assert 0.5 < known.confidence < 1
