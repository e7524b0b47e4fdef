# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The simulated street: its sensors agree with one another, and a frame is a function of seed and time."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest

from madm_model.labels import STREET_11
from madm_model.simulator import SimulatedFrame, SimulatorConfig, StreetSimulator, sample_frame

SKY, PERSON, VEHICLE, VEGETATION = map(STREET_11.names.index, ("sky", "person", "vehicle", "vegetation"))
SEEDS = range(16)


@cache
def frames() -> list[SimulatedFrame]:
    """One frame of each of some streets."""
    return [sample_frame(seed) for seed in SEEDS]


def test_frame_has_the_documented_types_and_sizes() -> None:
    frame = StreetSimulator(3, SimulatorConfig(width=200, height=130)).frame(0.5)
    assert frame.rgb.shape == (130, 200, 3) and frame.rgb.dtype == np.uint8
    assert frame.depth.shape == (130, 200) and frame.depth.dtype == np.float32
    assert frame.thermal.shape == (130, 200) and frame.thermal.dtype == np.uint16
    assert frame.labels.shape == (130, 200) and frame.labels.dtype == np.uint8


def test_same_seed_and_time_give_the_same_frame_whatever_was_asked_before() -> None:
    simulator = StreetSimulator(7)
    for time_s in (31.0, 0.0, 12.0):
        simulator.frame(time_s)
    again, fresh = simulator.frame(12.25), StreetSimulator(7).frame(12.25)
    for name in ("rgb", "depth", "thermal", "labels"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fresh, name))


def test_different_seeds_give_different_streets() -> None:
    labels = [frame.labels for frame in frames()]
    for first, second in pairwise(labels):
        assert (first != second).mean() > 0.05


def test_sensor_noise_changes_from_moment_to_moment_and_can_be_left_out() -> None:
    noisy = StreetSimulator(7).frame(12.25)
    clean = StreetSimulator(7, SimulatorConfig(sensor_noise=False)).frame(12.25)
    np.testing.assert_array_equal(noisy.labels, clean.labels)
    residue = noisy.rgb.astype(float) - clean.rgb
    assert 0.5 < residue[20:-20, 20:-20].std() < 20
    later = StreetSimulator(7).frame(12.25 + 1e-6)
    assert (later.rgb != noisy.rgb).mean() > 0.3
    assert (later.thermal != noisy.thermal).mean() > 0.3


def test_every_pixel_has_a_class_and_all_classes_occur() -> None:
    count = np.zeros(256, np.int64)
    for frame in frames():
        count += np.bincount(frame.labels.ravel(), minlength=256)
    assert count[len(STREET_11) :].sum() == 0
    share = count[: len(STREET_11)] / count.sum()
    assert share.min() > 0.002, dict(zip(STREET_11.names, share.round(4)))


def test_depth_is_infinite_in_the_sky_and_nowhere_else() -> None:
    for frame in frames():
        np.testing.assert_array_equal(np.isinf(frame.depth), frame.labels == SKY)
        near = frame.depth[frame.labels != SKY]
        assert near.min() > 0.1 and not np.isnan(near).any()


def test_thermal_is_in_hundredths_of_a_kelvin_with_a_cold_sky() -> None:
    for frame in frames():
        celsius = frame.thermal / 100.0 - 273.15
        assert celsius.min() > -80 and celsius.max() < 120
        sky = frame.labels == SKY
        if sky.mean() > 0.02:
            assert celsius[sky].mean() < celsius[~sky].mean() - 3


def test_persons_are_warmer_than_what_surrounds_them_at_night() -> None:
    seen = 0
    kernel = np.ones((9, 9), np.uint8)
    for seed in SEEDS:
        frame = sample_frame(seed, SimulatorConfig(time_of_day="night"))
        person = frame.labels == PERSON
        warm_things = np.isin(frame.labels, (PERSON, VEHICLE))
        around = cv2.dilate(person.astype(np.uint8), kernel).astype(bool) & ~warm_things
        if person.sum() > 150:
            seen += 1
            assert frame.thermal[person].mean() > frame.thermal[around].mean() + 100, seed
    assert seen >= 7


def test_edges_lie_at_the_same_place_in_all_modalities() -> None:
    """Along jumps of depth between two classes, colour and temperature change more than elsewhere."""
    config = SimulatorConfig(time_of_day="day", sensor_noise=False)
    for seed in range(6):
        frame = sample_frame(seed, config)
        inverse = 1.0 / frame.depth
        jump = np.abs(np.diff(np.log(inverse + 1e-3), axis=1)) > 0.3
        border = jump & (np.diff(frame.labels.astype(int), axis=1) != 0)
        assert border.sum() > 200
        for image in (frame.rgb.astype(float).mean(2), frame.thermal.astype(float)):
            change = np.abs(np.diff(image, axis=1))
            assert change[border].mean() > 4 * change[~border].mean()


def test_motion_is_smooth_in_time() -> None:
    """Frames a millisecond apart hardly differ, and differ the more the farther apart they are."""
    for seed in (0, 1, 4):
        simulator = StreetSimulator(seed, SimulatorConfig(sensor_noise=False))
        start = simulator.frame(5.0)
        steps = [simulator.frame(5.0 + step) for step in (0.0002, 0.001, 0.005, 0.025)]
        rgb = [np.abs(frame.rgb.astype(int) - start.rgb).mean() for frame in steps]
        thermal = [np.abs(frame.thermal.astype(int) - start.thermal).mean() for frame in steps]
        changed = [(frame.labels != start.labels).mean() for frame in steps]
        for series, small in ((rgb, 1.5), (thermal, 8.0), (changed, 0.006)):
            assert series == sorted(series) and series[0] > 0
            assert series[1] < small
            assert series[0] < 0.5 * series[1]


def test_depth_is_that_of_the_camera_matrix() -> None:
    """Road pixels, put back into space with K and depth, lie in one plane a camera height below."""
    simulator = StreetSimulator(2, SimulatorConfig(time_of_day="day"))
    frame = simulator.frame(3.0)
    rows, cols = np.nonzero((frame.labels == STREET_11.names.index("road")) & (frame.depth < 15))
    assert len(rows) > 500
    rays = np.stack([cols, rows, np.ones_like(rows)]).astype(float)
    points = np.linalg.inv(simulator.camera_matrix) @ rays * frame.depth[rows, cols]
    centred = points - np.median(points, axis=1, keepdims=True)
    _, _, normal = np.linalg.svd(centred @ centred.T)
    distance = np.abs(normal[2] @ centred)
    assert np.median(distance) < 0.02
    assert 1.0 < abs(normal[2] @ np.median(points, axis=1)) < 2.6


@pytest.mark.parametrize("time_of_day", ["day", "dusk", "night"])
def test_time_of_day_is_obeyed(time_of_day: str) -> None:
    configs = [SimulatorConfig(time_of_day=time_of_day)] * 8  # type: ignore[arg-type]
    brightness = [sample_frame(seed, config).rgb.mean() for seed, config in enumerate(configs)]
    low, high = {"day": (75, 230), "dusk": (35, 150), "night": (10, 75)}[time_of_day]
    assert low < np.mean(brightness) < high


def test_people_close_before_the_camera_fill_a_part_of_the_picture() -> None:
    def persons(close_people: bool, time_s: float) -> list[float]:
        simulators = [StreetSimulator(seed, SimulatorConfig(close_people=close_people)) for seed in SEEDS]
        return [float(np.mean(one.frame(time_s).labels == PERSON)) for one in simulators]

    for time_s in (0.0, 60.0):  # wherever the camera has got to
        far, close = persons(False, time_s), persons(True, time_s)
        assert all(more >= less for more, less in zip(close, far))
        assert np.mean(close) > 3 * np.mean(far)
        assert np.mean(np.array(close) > 0.05) > 0.25


def test_on_a_quiet_way_are_trees_and_hardly_a_vehicle() -> None:
    quiet = [sample_frame(seed, SimulatorConfig(place="quiet")) for seed in SEEDS]
    streets, ways = (np.stack([frame.labels for frame in group]) for group in (frames(), quiet))
    assert (ways == VEHICLE).mean() < 0.5 * (streets == VEHICLE).mean()
    assert (ways == VEGETATION).mean() > 2 * (streets == VEGETATION).mean()
    assert (ways == SKY).mean() < (streets == SKY).mean()
    assert (ways == PERSON).mean() > 0.5 * (streets == PERSON).mean()


def test_bad_configuration_is_refused() -> None:
    with pytest.raises(ValueError, match="width must be 32 to 4096 pixels, not 8"):
        SimulatorConfig(width=8)
    with pytest.raises(ValueError, match="time_of_day must be 'day', 'dusk', 'night' or 'random', not 'noon'"):
        SimulatorConfig(time_of_day="noon")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="place must be 'street' or 'quiet', not 'park'"):
        SimulatorConfig(place="park")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="seed must be 0 or more, not -1"):
        StreetSimulator(-1)
