# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The node runs students as it runs any version: as its base, and in place of MADM between two frames."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adaptation_samples import GAIN, thermal_frames, write_model, write_student
from ros_helpers import image_message, pixels_of, wait_until
from sensor_msgs.msg import Image

from madm_model.io.frames import RawFrame
from madm_model.modalities import make_preprocessor
from madm_model.store import BASE, VersionInfo, VersionStore
from madm_ros.segmentation.node import load_segmenter


def test_a_student_takes_over_from_its_teacher_and_gives_way_again(peer, start_node, tmp_path) -> None:
    def save(folder) -> None:
        write_student(folder, 1)
        write_model(folder / "teacher", 2)

    store = VersionStore(tmp_path / "store", write_model(tmp_path / "base"))
    store.add(save, lambda name: VersionInfo(name, BASE, "", "thermal", gate={"passed": True}))
    frame = next(thermal_frames(1))
    image = make_preprocessor("thermal", GAIN)(RawFrame(frame, "mono16", 0, ""))
    answers = {}
    for name in store.read().versions:
        segmenter = load_segmenter(str(store.folder(name)), "cpu", "float32", "torch")
        answers[name] = segmenter.segment([image])[0].labels
    assert not np.array_equal(*answers.values())

    gain = {f"thermal.{name}": value for name, value in GAIN.items()}
    values = {"store": str(store.root), "model": str(store.base), "device": "cpu", "precision": "float32"}
    start_node(load_segmenter, runtime="torch", modality="thermal", **values, **gain)
    labels = peer.collect(Image, "/segmentation_node/labels")
    publisher = peer.publisher(Image, "/image")

    def runs(name: str) -> bool:
        publisher.publish(image_message(frame, "mono16"))
        return bool(labels) and np.array_equal(pixels_of(labels[-1]), answers[name])

    wait_until(lambda: runs(BASE), "labels of the base")
    store.activate("v0001")
    wait_until(lambda: runs("v0001"), "labels of the student")
    store.rollback()
    wait_until(lambda: runs(BASE), "labels of the base again")
