# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The node tells how far its input is from what its model knows: over DDS, and when the model changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from diagnostic_msgs.msg import DiagnosticArray
from ros_helpers import FIXED_GAIN, FakeSegmenter, image_message, wait_until
from sensor_msgs.msg import Image
from std_msgs.msg import Float32

from madm_model.labels import STREET_9
from madm_model.shift.frame_statistics import frame_statistics
from madm_model.shift.monitor import ShiftMonitor
from madm_model.shift.reference import REFERENCE_FILE, ShiftReference
from madm_ros.segmentation.shift_watch import ShiftWatch

CLASSES = len(STREET_9)


def grey(seed: int, level: int = 100) -> np.ndarray:
    return np.random.default_rng(seed).integers(level, level + 100, (48, 64)).astype(np.uint8)


@pytest.fixture(scope="module")
def reference() -> ShiftReference:
    """Of what FakeSegmenter says about grey images."""
    segmenter, frames = FakeSegmenter(), []
    for seed in range(16):
        image = np.repeat(grey(seed)[..., None], 3, axis=2)
        (result,) = segmenter.segment([image])
        frames.append(frame_statistics(image, result.labels, result.confidence, CLASSES))
    return ShiftReference.of_frames(frames)


def test_the_shift_is_published_and_in_the_diagnostics(peer, start_node, reference, tmp_path: Path) -> None:
    reference.save(tmp_path)
    values = peer.collect(Float32, "/segmentation_node/shift")
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    start_node(model=str(tmp_path), shift_window_s=3.0, **FIXED_GAIN)
    publisher = peer.publisher(Image, "/image")
    peer.send(publisher, image_message(grey(77), "mono8"), lambda: values, "a shift of known images")
    known = values[-1].data
    dark = image_message(grey(77, 0), "mono8")
    peer.send(publisher, dark, lambda: values[-1].data > max(2.0, 2 * known), "a shift of dark images")

    def told() -> dict[str, str]:
        found = [status for report in reports for status in report.status if status.name.endswith(": segmentation")]
        return {item.key: item.value for item in found[-1].values} if found else {}

    wait_until(lambda: told().get("shift", "-") not in ("-", "no reference"), f"the shift in {told()}")
    assert float(told()["shift"]) > 1
    assert told()["shift by part"].startswith("image ")
    assert "in what the model knows" in told()["mean confidence"]


def test_a_model_without_a_reference_segments_and_says_so(peer, start_node, tmp_path: Path) -> None:
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    labels = peer.collect(Image, "/segmentation_node/labels")
    start_node(model=str(tmp_path))
    peer.send(peer.publisher(Image, "/image"), image_message(grey(1), "mono8"), lambda: labels)
    wait_until(
        lambda: any(
            ("shift", "no reference") in [(item.key, item.value) for item in status.values]
            for report in reports
            for status in report.status
        ),
        "no reference",
    )


def test_the_reference_is_that_of_the_model_in_use(reference, tmp_path: Path) -> None:
    told: list[str] = []
    for name in ("first", "second", "damaged"):
        (tmp_path / name).mkdir()
    reference.save(tmp_path / "first")
    (tmp_path / "damaged" / REFERENCE_FILE).write_text("{}")
    monitor = ShiftMonitor(60.0)
    watch = ShiftWatch(monitor, told.append, told.append)
    watch.tell(tmp_path / "first", CLASSES)
    assert monitor.reference.frames == 16
    watch.tell(tmp_path / "second", CLASSES)
    assert monitor.reference is None
    watch.tell(tmp_path / "first", CLASSES + 1)  # of a model with other classes
    assert monitor.reference is None
    assert not told
    for _ in range(3):
        watch.tell(tmp_path / "damaged", CLASSES)
    assert len(told) == 1
    assert "shift.json cannot be used" in told[0]
