# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""`madm simulate`: the bag holds the simulator's frames under the documented topics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from madm_model.cli.simulate import simulate
from madm_model.io.bags import BagReader
from madm_model.io.point_clouds import decode_points
from madm_model.simulator import SimulatorConfig, StreetSimulator
from madm_model.simulator.lidar import scan

IMAGES = {
    "/rgb/image_raw": ("rgb8", "rgb"),
    "/depth/image_raw": ("32FC1", "depth"),
    "/thermal/image_raw": ("mono16", "thermal"),
    "/labels/image_raw": ("mono8", "labels"),
}


@pytest.fixture(scope="module")
def app() -> typer.Typer:
    application = typer.Typer()
    application.command()(simulate)
    return application


@pytest.fixture(scope="module")
def bag(app: typer.Typer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of street 5 at 8 Hz."""
    path = tmp_path_factory.mktemp("simulate") / "drive"
    options = ["--seed", "5", "--seconds", "0.5", "--rate", "8", "--time-of-day", "night"]
    options += ["--place", "quiet", "--width", "160", "--height", "120"]
    result = CliRunner().invoke(app, ["--out", str(path), *options])
    assert result.exit_code == 0, result.output
    assert "4 frames" in result.output
    return path


def test_bag_holds_the_simulators_frames_at_the_rate(bag: Path) -> None:
    simulator = StreetSimulator(5, SimulatorConfig(160, 120, "night", "quiet"))
    truth = [simulator.frame(number / 8) for number in range(4)]
    with BagReader(bag) as reader:
        assert sorted(reader.image_topics()) == sorted(IMAGES)
        for topic, (encoding, attribute) in IMAGES.items():
            read = list(reader.frames(topic))
            assert [frame.encoding for frame in read] == [encoding] * 4
            assert set(np.diff([frame.stamp_ns for frame in read])) == {125_000_000}
            for frame, expected in zip(read, truth):
                np.testing.assert_array_equal(frame.array, getattr(expected, attribute))


def test_camera_info_lies_beside_each_sensor(bag: Path) -> None:
    expected = StreetSimulator(5, SimulatorConfig(width=160, height=120)).camera_matrix
    with BagReader(bag) as reader:
        for sensor in ("rgb", "depth", "thermal"):
            images = [frame.stamp_ns for frame in reader.frames(f"/{sensor}/image_raw")]
            infos = [reader.message(raw) for raw in reader.raw_messages() if raw.topic.name == f"/{sensor}/camera_info"]
            stamps = [info.header.stamp.sec * 10**9 + info.header.stamp.nanosec for info in infos]
            assert stamps == images
            for info in infos:
                assert (info.width, info.height) == (160, 120)
                np.testing.assert_allclose(np.reshape(info.k, (3, 3)), expected)


def test_an_existing_bag_is_not_overwritten(app: typer.Typer, bag: Path) -> None:
    result = CliRunner().invoke(app, ["--out", str(bag), "--seconds", "0.1"])
    assert result.exit_code == 1
    assert "exists already" in " ".join(result.output.split())


@pytest.mark.parametrize("option", [("--seconds", "0"), ("--rate", "-1"), ("--width", "8"), ("--time-of-day", "noon")])
def test_bad_options_end_with_one_line_and_leave_nothing(
    app: typer.Typer, tmp_path: Path, option: tuple[str, str]
) -> None:
    path = tmp_path / "drive"
    result = CliRunner().invoke(app, ["--out", str(path), *option])
    assert result.exit_code == 1
    assert result.output.startswith("error:") or "error:" in result.output
    assert not path.exists()


def test_a_lidar_writes_a_cloud_with_every_frame(app: typer.Typer, tmp_path: Path) -> None:
    options = ["--seed", "5", "--seconds", "0.1", "--width", "64", "--height", "48", "--lidar"]
    result = CliRunner().invoke(app, ["--out", str(tmp_path / "drive"), *options])
    assert result.exit_code == 0, result.output
    sweep = scan(StreetSimulator(5, SimulatorConfig(width=64, height=48)), 0.0)
    with BagReader(tmp_path / "drive") as reader:
        (raw,) = reader.raw_messages(["/lidar/points"])
        (image,) = reader.frames("/thermal/image_raw")
        cloud = reader.message(raw)
    assert cloud.header.frame_id == "lidar" and raw.stamp_ns == image.stamp_ns
    np.testing.assert_array_equal(decode_points(cloud), sweep.points)
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "ring"]
