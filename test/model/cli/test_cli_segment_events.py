# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm segment --modality event`: event bags and files become edge frames, and those become labels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from madm_model.architecture import TINY
from madm_model.checkpoint.model_folder import save_model
from madm_model.cli.app import app
from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edge_source import open_edge_frames
from madm_model.events.messages import PACKET_TYPE, packet_types
from madm_model.io.bags import BagReader
from madm_model.labels import STREET_11
from madm_model.model_config import ModelConfig
from madm_model.network import MADM

EVENT_BAGS = Path(__file__).resolve().parents[4] / "shared" / "data" / "bags"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "random"
    torch.manual_seed(0)
    config = ModelConfig("random", TINY, STREET_11, "event", (64, 96), keep_aspect=True)
    save_model(folder, MADM(TINY, len(STREET_11)), config)
    return folder


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A dot that runs along a row for a second, as event text."""
    path = tmp_path / "dot.txt"
    path.write_text("96 64\n" + "".join(f"{k / 1000} {k * 96 // 1000} 20 {k % 2}\n" for k in range(1000)))
    return path


def segment(*arguments: str | Path):
    return CliRunner().invoke(app, ["segment", *map(str, arguments), "--modality", "event", "--device", "cpu"])


def test_an_event_file_gives_numbered_labels_and_a_bag_of_edges(text, model, tmp_path):
    out = tmp_path / "out"
    options = ["--edge-mode", "time_surface", "--period", "0.1", "--stride", "2"]
    result = segment(text, "--model", model, "--out", out, *options)
    assert result.exit_code == 0, result.output
    expected = list(open_edge_frames(text, config=EdgeConfig(mode="time_surface", period_s=0.1)))[::2]
    names = sorted(path.name for path in (out / "labels").iterdir())
    assert names == [f"{index:06d}.png" for index in range(len(expected))] and len(expected) == 5
    with BagReader(out / "bag") as bag:
        edges, labels = list(bag.frames("/edges")), list(bag.frames("/labels"))
    for edge, label, frame, name in zip(edges, labels, expected, names):
        assert edge.stamp_ns == label.stamp_ns == frame.stamp_ns
        np.testing.assert_array_equal(edge.array, frame.array)
        picture = cv2.imread(str(out / "labels" / name), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(label.array, picture)


def test_an_event_bag_gives_edges_and_labels_in_ros_time(model, tmp_path):
    bag = EVENT_BAGS / "events_evt3_trigger"
    if not bag.exists():
        pytest.skip("the recordings of ../shared/data/bags are not beside this checkout")
    out = tmp_path / "out"
    result = segment(bag, "--model", model, "--out", out, "--period", "0.2", "--end", "0.7")
    assert result.exit_code == 0, result.output
    types = packet_types()
    with BagReader(bag) as source, BagReader(out / "bag") as made:
        first = next(source.raw_messages(["/event_camera/events"]))
        stamp = types.deserialize_cdr(first.data, PACKET_TYPE).header.stamp
        start_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        stamps = [frame.stamp_ns for frame in made.frames("/event_camera/edges")]
        assert stamps == [frame.stamp_ns for frame in made.frames("/event_camera/labels")]
    assert len(stamps) == 3
    # The map to ROS time gets better as packets come, by less than a millisecond here.
    np.testing.assert_allclose(np.diff(stamps), 200_000_000, atol=1_000_000)
    assert abs(stamps[0] - start_ns - 200_000_000) < 10_000_000


def test_finished_edge_images_are_taken_as_they_are(model, tmp_path):
    folder = tmp_path / "edges"
    folder.mkdir()
    cv2.imwrite(str(folder / "crossing.png"), np.eye(64, 96, dtype=np.uint8) * 255)
    out = tmp_path / "out"
    assert segment(folder, "--model", model, "--out", out).exit_code == 0
    assert [path.name for path in (out / "labels").iterdir()] == ["crossing.png"]
    assert not (out / "bag").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--edge-mode", "canny"], "mode is 'canny'"),
        (["--period", "0"], "period_s is 0"),
        (["--topic", "/events"], "has no topics"),
        (["--period", "5"], "holds no frames"),
    ],
)
def test_bad_options_are_one_line(text, model, tmp_path, options, complaint):
    result = segment(text, "--model", model, "--out", tmp_path / "out", *options)
    assert result.exit_code == 1
    assert complaint in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
