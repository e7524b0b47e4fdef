# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Statistics, and what the report says about them."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from ros_helpers import FakeSegmenter, image_message, wait_until
from sensor_msgs.msg import Image

from madm_ros.diagnostic_reports import WINDOW_S
from madm_ros.segmentation import diagnostics
from madm_ros.segmentation.diagnostics import FrameStatistics, FrameTiming, NodeHealth, diagnostic_status

HEALTHY = NodeHealth(
    state="active",
    model="tiny",
    runtime="openvino float32",
    topic="/thermal/image_raw",
    fps=4.0,
    timings=[FrameTiming(0.001, 0.100, 0.110), FrameTiming(0.003, 0.200, 0.230)],
    dropped=7,
    errors=2,
    last_error="",
    gpu_bytes=3 << 20,
    store="/data/store",
    version="v0003",
    input_rate=4.0,
    arrived_rate=4.0,
    loss_advice="publish reliably",
    unlabelled=0.125,
)


def _changed(**changes: object) -> NodeHealth:
    return NodeHealth(**{**vars(HEALTHY), **changes})


def test_window_forgets_old_frames_and_fps_counts_the_rest() -> None:
    now = [0.0]
    statistics = FrameStatistics(lambda: now[0])
    for index in range(10):
        now[0] = float(index)
        statistics.record(FrameTiming(0.0, float(index), 0.0))
    kept = [timing.inference for timing in statistics.timings()]
    assert kept == [4, 5, 6, 7, 8, 9]
    now[0] = 9.0 + WINDOW_S - 0.5
    assert statistics.fps() == 1 / WINDOW_S
    now[0] += 1.0
    assert statistics.fps() == 0.0


def test_fps_is_right_before_the_window_is_full() -> None:
    now = [100.0]
    statistics = FrameStatistics(lambda: now[0])
    now[0] += 0.5
    for _ in range(3):
        statistics.record(FrameTiming(0, 0, 0))
    assert statistics.fps() == 6.0


def test_images_that_nobody_wants_labels_of_make_a_node_idle_for_as_long_as_they_come() -> None:
    now = [0.0]
    statistics = FrameStatistics(lambda: now[0])
    assert not statistics.idle()
    statistics.record_unwanted()
    assert (statistics.unwanted, statistics.idle()) == (1, True)
    now[0] += WINDOW_S + 0.1
    assert (statistics.unwanted, statistics.idle()) == (1, False)


def test_frames_that_are_done_with_count_since_the_last() -> None:
    now = [3.0]
    statistics = FrameStatistics(lambda: now[0])
    for done in (lambda: None, statistics.record_unwanted, lambda: statistics.record(FrameTiming(0, 0, 0))):
        done()
        now[0] += 7.0
        assert statistics.since_last_s() == 7.0


def test_an_idle_node_is_well() -> None:
    status = diagnostic_status("/seg", _changed(timings=[], idle=True, skipped=12))
    assert (status.level, status.message) == (DiagnosticStatus.OK, "idle: images come, nobody listens to a result")
    assert {item.key: item.value for item in status.values}["skipped frames"] == "12"


def test_frames_that_are_mostly_unlabelled_are_timed_until_one_is_not() -> None:
    now = [0.0]
    statistics = FrameStatistics(lambda: now[0])
    for unlabelled, expected in [(0.1, 0.0), (0.9, 0.0), (1.0, 2.0), (0.85, 4.0), (0.2, 0.0), (0.9, 0.0)]:
        statistics.record(FrameTiming(0, 0, 0), unlabelled)
        assert statistics.unlabelled == unlabelled
        assert statistics.unlabelled_s() == expected
        now[0] += 2.0


def test_report_of_a_healthy_node() -> None:
    status = diagnostic_status("/madm/thermal_seg", HEALTHY)
    assert status.level == DiagnosticStatus.OK
    assert status.name == "/madm/thermal_seg: segmentation"
    assert status.hardware_id == "tiny"
    values = {item.key: item.value for item in status.values}
    assert values["model"] == "tiny"
    assert (values["store"], values["version"]) == ("/data/store", "v0003")
    assert (values["input rate [Hz]"], values["input lost [Hz]"]) == ("4.00", "0.00")
    assert values["unlabelled pixels [%]"] == "12.5"
    assert values["fps"] == "4.00"
    assert values["dropped frames"] == "7"
    assert values["preprocessing mean [ms]"] == "2.00"
    assert values["preprocessing max [ms]"] == "3.00"
    assert values["inference mean [ms]"] == "150.00"
    assert values["inference max [ms]"] == "200.00"
    assert values["total mean [ms]"] == "170.00"
    assert values["total max [ms]"] == "230.00"
    assert values["gpu memory [MiB]"] == "3.0"
    assert values["runtime"] == "openvino float32"


@pytest.mark.parametrize(
    ("health", "level", "words"),
    [
        (_changed(timings=[], input_rate=0.0, arrived_rate=0.0), DiagnosticStatus.WARN, "no image on /thermal/image"),
        # Images come, but no label image in the window: as wanted, not yet, or because the network is slow.
        (_changed(timings=[], fps=0.0, max_fps=0.1, since_last_s=19.0), DiagnosticStatus.OK, "are not due yet"),
        (_changed(timings=[], fps=0.0, max_fps=0.1, since_last_s=21.0), DiagnosticStatus.WARN, "labels for 0.0 of 0.1"),
        (_changed(timings=[], fps=0.0, since_last_s=2.0), DiagnosticStatus.OK, "are not due yet"),
        (_changed(timings=[], fps=0.0, since_last_s=6.0), DiagnosticStatus.WARN, "labels for 0.0 of 4.0 images"),
        (_changed(fps=0.2, max_fps=0.1, since_last_s=4.0), DiagnosticStatus.OK, "0.2 label images a second"),
        (_changed(trouble="the base segments in its place"), DiagnosticStatus.WARN, "the base segments in its place"),
        (_changed(trouble="the base", timings=[], idle=True), DiagnosticStatus.WARN, "the base"),
        (
            _changed(unlabelled=0.9, unlabelled_s=6.0),
            DiagnosticStatus.WARN,
            "80 % of every image is unlabelled",
        ),
        (_changed(unlabelled=0.9, unlabelled_s=2.0), DiagnosticStatus.OK, "label images a second"),
        (_changed(state="finalized", timings=[]), DiagnosticStatus.WARN, "finalized: this node gives no labels"),
        (
            _changed(input_rate=30.0),
            DiagnosticStatus.WARN,
            "4.0 of 30.0 images a second arrive from /thermal/image_raw: publish reliably",
        ),
        (
            _changed(input_rate=30.0, arrived_rate=29.0),
            DiagnosticStatus.WARN,
            "labels for 4.0 of 29.0 images a second: the network is slower than the camera",
        ),
        (_changed(input_rate=30.0, arrived_rate=29.0, max_fps=5.0), DiagnosticStatus.OK, "4.0 label images a second"),
        (_changed(input_rate=30.0, arrived_rate=29.0, idle=True), DiagnosticStatus.OK, "4.0 label images a second"),
        (_changed(input_rate=7.0, arrived_rate=6.0), DiagnosticStatus.OK, "4.0 label images a second"),
        (_changed(last_error="image skipped"), DiagnosticStatus.ERROR, "image skipped"),
        (_changed(state="inactive", timings=[]), DiagnosticStatus.OK, "inactive"),
        (_changed(state="unconfigured", last_error="cannot configure"), DiagnosticStatus.ERROR, "cannot configure"),
    ],
)
def test_levels(health: NodeHealth, level: bytes, words: str) -> None:
    status = diagnostic_status("/node", health)
    assert status.level == level
    assert words in status.message


class Stuck(FakeSegmenter):
    """Segments so many images, then one takes until it may go on."""

    def __init__(self, quick: int) -> None:
        super().__init__()
        self.quick, self.may_go_on = quick, threading.Event()

    def segment(self, images, biases=()):
        assert len(self.images) < self.quick or self.may_go_on.wait(60)
        return super().segment(images, biases)


@pytest.mark.parametrize("quick", [1, 0])
def test_a_node_that_gets_images_by_a_call_tells_that_the_network_is_slower(
    peer, start_node, monkeypatch, quick: int
) -> None:
    if not quick:  # no label image in the window at all
        monkeypatch.setattr(diagnostics, "WINDOW_S", 0.1)
    segmenter = Stuck(quick)
    try:
        node = start_node(segmenter, image_source="/camera/edges", modality="event")
        reports = peer.collect(DiagnosticArray, "/diagnostics")

        def told() -> bool:
            node.accept(image_message(np.zeros((8, 8), np.uint8), "mono8"))
            return any("the network is slower than the camera" in report.status[0].message for report in reports)

        wait_until(told, f"a warning among {reports}")
    finally:
        segmenter.may_go_on.set()
    values = {item.key: item.value for item in reports[-1].status[0].values}
    assert float(values["input rate [Hz]"]) > 0
    assert values["input lost [Hz]"] == "0.00"


def test_a_running_node_reports_its_frames(peer, start_node) -> None:
    start_node()
    labels = peer.collect(Image, "/segmentation_node/labels")
    peer.send(peer.publisher(Image, "/image"), image_message(np.zeros((8, 8), np.uint8), "mono8"), lambda: labels)
    reports = peer.collect(DiagnosticArray, "/diagnostics")

    def reported() -> bool:
        return any(status.message.endswith("label images a second") for report in reports for status in report.status)

    wait_until(reported, "a report of frames")
    values = {item.key: item.value for item in reports[-1].status[0].values}
    assert reports[-1].status[0].hardware_id == "fake"
    assert float(values["total mean [ms]"]) >= float(values["preprocessing mean [ms]"])
    assert values["gpu memory [MiB]"] == "no GPU"
    assert reports[-1].header.stamp.sec > 0
