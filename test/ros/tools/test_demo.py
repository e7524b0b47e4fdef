# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The demo's scores and refusals; the whole of it runs with `make demo`."""

from __future__ import annotations

import base64
import shlex
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from documented_commands import wrong_commands

from madm_model.io.bags import BagReader, BagWriter, make_image_message
from madm_model.labels import STREET_9, STREET_11, LabelSet
from madm_model.model_config import ModelConfig
from madm_model.simulator import SimulatorConfig, StreetSimulator
from madm_model.simulator.events import EventSensorConfig
from madm_model.simulator.record import record_drive

pytest.importorskip("rclpy", reason="rclpy is not installed")

from madm_ros.tools import demo
from madm_ros.tools.demo_page import next_steps
from madm_ros.tools.demo_session import DemoError, Recorded, node_command


def write_truth(path, labels: list[int]) -> None:
    with BagWriter(path) as bag:
        for index, label in enumerate(labels):
            image = np.full((4, 6), label, np.uint8)
            bag.write(demo.TRUTH_TOPIC, make_image_message(image, "mono8", index, "camera"), index)


def test_labels_are_scored_by_stamp_and_dropped_frames_do_not_count(tmp_path):
    write_truth(tmp_path / "bag", [5, 0, 5])
    labels = {0: np.full((4, 6), 5, np.uint8), 2: np.full((4, 6), 0, np.uint8)}
    scores = demo.score(tmp_path / "bag", labels)
    assert scores.class_iou[5] == pytest.approx(0.5) and scores.class_iou[0] == 0
    assert scores.miou == pytest.approx(0.25)


def test_a_stamp_that_no_frame_has_is_refused(tmp_path):
    write_truth(tmp_path / "bag", [5])
    labels = {7: np.full((4, 6), 5, np.uint8)}
    with pytest.raises(DemoError, match="1 label images carry a stamp that no frame has"):
        demo.score(tmp_path / "bag", labels)


@pytest.mark.parametrize("classes", [STREET_9, replace(STREET_11, names=STREET_11.names[::-1])])
def test_a_model_of_other_classes_is_refused_before_anything_runs(tmp_path, classes: LabelSet):
    embedded = ModelConfig.load(demo.resolve_model(demo.EMBEDDED))
    (tmp_path / "model").mkdir()
    replace(embedded, label_set=classes).save(tmp_path / "model")
    with pytest.raises(DemoError, match="other classes"):
        demo.run_demo("thermal", str(tmp_path / "model"), tmp_path / "out", 1.0)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("modality", "adapted"), [("thermal", False), ("thermal", True), ("event", False)])
def test_the_pictures_show_what_the_node_segmented(tmp_path, monkeypatch, modality, adapted):
    record_drive(
        StreetSimulator(4, SimulatorConfig(64, 48)), tmp_path / "drive", 0.4, 10, event_sensor=EventSensorConfig()
    )
    with BagReader(tmp_path / "drive") as reader:
        truth = {frame.stamp_ns: frame.array for frame in reader.frames(demo.TRUTH_TOPIC)}
    sheets = []
    monkeypatch.setattr(demo, "contact_sheet", lambda rows, titles, _: sheets.append((rows, titles)) or rows[0][0])
    labels = dict(list(truth.items())[1:])  # before the first event there is no edge frame
    recorded = Recorded(labels, arrivals=[0.1 * number for number in range(3)])
    before = demo.segment_with_colour_model(tmp_path / "drive", modality, recorded) if adapted else None
    panels = []
    monkeypatch.setattr(demo, "titled", lambda image, title: panels.append(title) or image)
    demo.draw(tmp_path / "drive", modality, recorded, before, tmp_path / "video.webm", tmp_path / "sheet.png")
    assert cv2.VideoCapture(str(tmp_path / "video.webm")).read()[0]
    ((rows, titles),) = sheets
    assert titles[1] == f"{modality} (the node's input)"
    assert panels[: len(titles) - 2] == titles[1:-1], "the video has the titles of the sheet"
    assert len(rows) == 3
    seen = [frame.stamp_ns for frame in demo.sensor_frames(tmp_path / "drive", modality)][-3:]
    assert seen == list(labels)
    assert ("tiny-rgb: knows colour alone" in titles) == adapted
    for (_, image, *_, drawn_truth), expected in zip(rows, labels.values()):
        assert len(rows[0]) == len(titles) == (5 if adapted else 4)
        assert image.shape == (48, 64, 3) and image.any()
        np.testing.assert_array_equal(drawn_truth, demo.colorize(expected, STREET_11))


class _Page(HTMLParser):
    """What a browser would fetch of a page, and its texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.texts: list[str] = []
        self.commands: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open and self.open[-1] == "pre":
            self.commands.append(data)
            self.open.pop()


def test_the_page_shows_video_sheet_numbers_and_what_is_next(tmp_path, monkeypatch, capsys):
    """The demo on two frames of a tiny drive, with the truth as the node's labels."""
    record_drive(StreetSimulator(4, SimulatorConfig(64, 48)), tmp_path / "out" / "drive", 0.2, 10)
    with BagReader(tmp_path / "out" / "drive") as reader:
        truth = {frame.stamp_ns: frame.array for frame in reader.frames(demo.TRUTH_TOPIC)}
    report = {"model": "a <b>", "runtime": "torch cpu float32", "dropped frames": "3"}
    report |= {"total mean [ms]": "12.5", "inference mean [ms]": "10.27"}
    recorded = Recorded(truth, arrivals=[0.0, 0.5], report=report)
    monkeypatch.setattr(demo, "play_to_node", lambda *_: recorded)
    said = demo.run_demo("thermal", "", tmp_path / "out", 1.0)
    assert said.endswith("mIoU=100.0%") and str(tmp_path / "out" / "thermal.html") in capsys.readouterr().out

    page = _Page((tmp_path / "out" / "thermal.html").read_text(encoding="utf-8"))
    video, sheet = page.sources
    assert cv2.VideoCapture(str(tmp_path / "out" / video)).read()[0], "a file beside the page"
    assert (
        base64.b64decode(sheet.removeprefix("data:image/png;base64,"))
        == (tmp_path / "out" / "thermal_sheet.png").read_bytes()
    )
    for number in ("3", "2.0", "12.5", "10.3", "torch cpu float32", "100.0", "person", "tiny-rgb", "student-thermal"):
        assert number in page.texts, number
    assert [shlex.split(command) for command in page.commands] == [
        shlex.split(step.command)
        for step in next_steps("thermal", tmp_path / "out" / "drive", "/thermal/image_raw", tmp_path / "out")
    ]


@pytest.mark.parametrize("modality", demo.TOPICS)
def test_the_next_commands_are_such_as_there_are(tmp_path, modality):
    steps = next_steps(modality, tmp_path / "a drive", demo.TOPICS[modality][0], tmp_path)
    assert len(steps) == 3
    for step in steps:
        assert wrong_commands(step.command) == []
    assert f"--out '{tmp_path}" not in steps[0].command and f"'{tmp_path}/a drive'" in steps[0].command


def test_each_modality_is_segmented_by_the_program_of_its_launch_file():
    thermal = node_command("thermal", "", demo.TOPICS["thermal"])
    assert (thermal.module, thermal.name) == ("madm_ros.segmentation.node", "/madm/demo_seg")
    assert "image:=/thermal/image_raw" in thermal.arguments and "modality:=thermal" in thermal.arguments
    event = node_command("event", "my model", demo.TOPICS["event"])
    assert (event.module, event.name) == ("madm_ros.events.seg", "/madm/event_seg")
    assert {"events:=/event_camera/events", "reference_image:=/rgb/image_raw"} < set(event.arguments)
    assert {"edges.window:=stamps", "model:=my model", "modality:=event"} < set(event.arguments)
