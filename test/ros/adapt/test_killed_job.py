# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A job, killed at any moment beside a node: the store stays valid, and the node publishes what it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from adaptation_samples import GAIN, make_request, thermal_frames, write_bag
from kill_samples import kill_jobs, run_job, start_child
from ros_helpers import image_message, pixels_of, wait_until
from sensor_msgs.msg import Image

from madm_model.io.frames import RawFrame
from madm_model.jobs.request import JobFolder
from madm_model.modalities import make_preprocessor
from madm_model.store import VersionStore
from madm_ros.segmentation.node import load_segmenter

KILLS = 4


def test_a_job_killed_at_any_moment_leaves_a_valid_store_and_a_node_that_publishes(peer, start_node, tmp_path) -> None:
    request = make_request(tmp_path, write_bag(tmp_path / "bag"), iterations=2)
    options = {**request.options, "checkpoint_every": "1", "learning_rate": "0.02"}
    request = replace(request, preprocessing=GAIN, options=options)
    store = VersionStore(tmp_path / "store", Path(request.base))
    parameters = {f"thermal.{name}": value for name, value in GAIN.items()}
    start_node(load_segmenter, model=request.base, store=str(store.root), device="cpu", **parameters)
    labels, publisher = peer.collect(Image, "/segmentation_node/labels"), peer.publisher(Image, "/image")
    frame = next(thermal_frames(1))

    def labels_of_a_new_frame() -> np.ndarray:
        before = len(labels)
        peer.send(publisher, image_message(frame, "mono16"), lambda: len(labels) > before)
        return pixels_of(labels[-1])

    def the_node_publishes() -> None:
        assert labels_of_a_new_frame().shape == frame.shape

    # 1. Killed, again and again; a job that was not done is resumed
    job_id = kill_jobs(store, request, KILLS, seed=12, after_each=the_node_publishes)

    # 2. The last job's version segments in the end
    if job_id:
        start_child(run_job, store.root, job_id).join()
        assert JobFolder(store.root, job_id).state().state == "activated"
    image = make_preprocessor("thermal", GAIN)(RawFrame(frame, "mono16", 0, ""))
    expected = load_segmenter(str(store.read().folder), "cpu", "float32", "torch").segment([image])[0].labels
    wait_until(lambda: np.array_equal(labels_of_a_new_frame(), expected), "the active version's labels")
