# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The adaptation server on an event camera's recording: from packets to the labels of a new version, over DDS."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")
pytest.importorskip("event_camera_msgs.msg", reason="event_camera_msgs is not installed")

import numpy as np
from adapt_helpers import JOB_S, LATCHED, adapt, job, options
from diagnostic_msgs.msg import DiagnosticArray
from event_bag_samples import TOPIC, write_event_bag
from madm_msgs.msg import AdaptStatus
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from ros_helpers import pixels_of, stamp_ns, wait_until
from sensor_msgs.msg import Image

from madm_model.events.edge_config import EdgeConfig
from madm_model.io.frames import RawFrame
from madm_model.jobs.request import JobFolder
from madm_model.modalities import make_preprocessor
from madm_ros.events.seg import make_nodes
from madm_ros.segmentation.node import load_segmenter

EDGES = {"edges.mode": "time_surface", "edges.period_s": 0.1}
"""As the robot is configured: what it learns from has to look as what it sees."""
EVERYTHING = QoSProfile(depth=1000)


def test_from_an_event_recording_to_the_new_versions_labels(peer, start_server, spin, play, robot, capfd) -> None:
    recording = write_event_bag(robot / "bags" / "events", 2.0)
    start_server(modality="event", **EDGES)
    values = {"model": str(robot / "base"), "store": str(robot / "store"), "device": "cpu", "max_delay_s": 60.0}
    nodes = make_nodes(
        load_segmenter,
        parameter_overrides=[
            Parameter(name, value=value) for name, value in {**values, **EDGES, "modality": "event"}.items()
        ],
        arguments=["-r", f"/events:={TOPIC}"],
        use_global_arguments=False,
    )
    assert nodes[1].bring_up()
    spin(*nodes)
    statuses = peer.collect(AdaptStatus, "/madm/adapt/status", LATCHED)
    reports = peer.collect(DiagnosticArray, "/diagnostics")
    edges = peer.collect(Image, "/event_edges/edges", EVERYTHING)
    labels = peer.collect(Image, "/event_seg/labels", EVERYTHING)
    wait_until(lambda: peer.node.count_publishers("/event_seg/labels") == 1, "the labels topic")

    def models() -> list[str]:
        return [item.value for report in reports[-2:] for item in report.status[0].values if item.key == "model"]

    def labels_and_edges() -> list[tuple[np.ndarray, np.ndarray]]:
        by_stamp = {stamp_ns(message): pixels_of(message) for message in list(edges)}
        shown = [message for message in list(labels) if stamp_ns(message) in by_stamp]
        return [(pixels_of(message), by_stamp[stamp_ns(message)]) for message in shown]

    def labels_by(folder, edge_image: np.ndarray) -> np.ndarray:
        image = make_preprocessor("event")(RawFrame(edge_image, "mono8", 0, ""))
        return load_segmenter(str(folder), "cpu", "float32", "torch").segment([image])[0].labels

    # 1. Refused: another modality. Found by the job: a topic that is not there
    refused = adapt(peer, job(robot, modality="thermal", bag_uris=[str(recording)]))
    assert not refused.accepted and "this server adapts event, not thermal" in refused.message
    failing = adapt(peer, job(robot, modality="event", topic="/gone", bag_uris=[str(recording)]))
    assert failing.accepted, failing.message
    wait_until(lambda: statuses and statuses[-1].state == AdaptStatus.STATE_FAILED, "the failed job", JOB_S)
    assert statuses[-1].job_id == failing.job_id and "/gone" in statuses[-1].message

    # 2. Accepted, trained on edge frames as the robot makes them, activated
    message = job(robot, 3, modality="event", bag_uris=[str(recording)], options=options(learning_rate="0.02"))
    response = adapt(peer, message)
    assert response.accepted, response.message
    wait_until(lambda: statuses and statuses[-1].state == AdaptStatus.STATE_ACTIVATED, "the new version", JOB_S)
    target = JobFolder(robot / "store", response.job_id).request().target
    assert target.edge_config() == EdgeConfig(mode="time_surface", period_s=0.1)

    # 3. The new version labels what the camera sees
    # It takes over with the next frame: not one of this drive is the base's.
    wait_until(lambda: "version v0001 is loaded" in capfd.readouterr().err, "the new version in the node")
    assert play(recording) == 200
    wait_until(lambda: len(labels_and_edges()) >= 5, "labels")
    wait_until(lambda: f"miniature@{response.job_id}" in models(), "the new version in the diagnostics")
    for shown, edge_image in labels_and_edges()[:5]:
        np.testing.assert_array_equal(shown, labels_by(robot / "store" / "versions" / "v0001", edge_image))
        assert (shown != labels_by(robot / "base", edge_image)).any()
