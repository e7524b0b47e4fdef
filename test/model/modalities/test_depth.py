# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Depth images: units, invalid values, encodings, hole filling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from madm_model.io.bags import BagReader
from madm_model.io.frames import FrameError, RawFrame
from madm_model.modalities import DepthConfig, make_preprocessor
from madm_model.modalities.depth import depth_image, fill_holes, grey_levels, metric_depth

SHARED = Path(__file__).parents[4] / "shared" / "data" / "bags"
NAN, INF = np.nan, np.inf


def metres(values: object) -> RawFrame:
    return RawFrame(np.array(values, np.float32), "32FC1", 0, "depth")


def millimetres(values: object, encoding: str = "16UC1") -> RawFrame:
    return RawFrame(np.array(values, np.uint16), encoding, 0, "depth")


def test_units_and_invalid_values():
    config = DepthConfig(min_range_m=0.5, max_range_m=20.0)
    expected = np.array([[NAN, NAN, 0.5, 1.5, 20.0, NAN]], np.float32)
    for encoding in ("16UC1", "mono16"):
        frame = millimetres([[0, 499, 500, 1500, 20000, 20001]], encoding)
        np.testing.assert_allclose(metric_depth(frame, config), expected, rtol=1e-6)
    values = [[0.0, NAN, INF, -INF, -3.0, 0.4, 0.5, 1.5, 20.0, 20.1]]
    expected = np.array([[NAN] * 6 + [0.5, 1.5, 20.0, NAN]], np.float32)
    depth = metric_depth(metres(values), config)
    np.testing.assert_array_equal(depth, expected)
    assert depth.dtype == np.float32
    tenths = metric_depth(millimetres([[1500]]), DepthConfig(unit_m=0.0001))
    np.testing.assert_allclose(tenths, 0.15, rtol=1e-6)


def test_the_message_is_left_alone():
    frame = metres([[NAN, 1.0, 500.0]])
    frame.array.flags.writeable = False
    metric_depth(frame, DepthConfig())
    depth_image(frame, DepthConfig(hole_filling="on"))
    np.testing.assert_array_equal(frame.array, np.array([[NAN, 1.0, 500.0]], np.float32))


@pytest.mark.parametrize("value", [NAN, 0.0, INF, -INF, 0.01, 1e6])
def test_a_depth_image_without_a_valid_pixel_is_an_error(value):
    frame = metres(np.full((8, 8), value))
    for function in (metric_depth, depth_image):
        with pytest.raises(FrameError, match=r"no valid pixel from 0\.1 to 200 m"):
            function(frame, DepthConfig())
    with pytest.raises(FrameError, match="no valid pixel"):
        metric_depth(millimetres(np.zeros((8, 8))), DepthConfig())


@pytest.mark.parametrize("encoding", ["rgb8", "mono8"])
def test_a_picture_of_depth_is_refused(encoding):
    picture = np.zeros((8, 8, 3) if encoding == "rgb8" else (8, 8), np.uint8)
    with pytest.raises(FrameError, match=f"'{encoding}' is no depth image: publish 16UC1"):
        depth_image(RawFrame(picture, encoding, 0, ""), DepthConfig())


def test_grey_levels():
    depth = np.array([[NAN, 1.0, 10.0, 100.0, INF]], np.float32)
    carla = 255 * (1 + np.log(np.array([10.0, 100.0]) / 1000) / 5.70378)
    levels = grey_levels(depth, DepthConfig(encoding="log"))
    assert levels.tolist() == [[0, 1, round(carla[0]), round(carla[1]), 255]] == [[0, 1, 49, 152, 255]]
    linear = DepthConfig(encoding="linear", min_range_m=1.0, max_range_m=101.0)
    assert grey_levels(depth, linear).tolist() == [[0, 1, round(255 * 0.09), round(255 * 0.99), 255]]
    inverse = DepthConfig(encoding="inverse", min_range_m=1.0)
    assert grey_levels(depth, inverse).tolist() == [[0, 255, 26, 3, 1]]


@pytest.mark.parametrize("encoding", ["log", "linear", "inverse"])
def test_farther_is_monotonous(encoding):
    depth = np.geomspace(0.1, 200, 500, dtype=np.float32)[None]
    steps = np.diff(grey_levels(depth, DepthConfig(encoding=encoding)).astype(int))
    assert (steps >= 0).all() or (steps <= 0).all()
    assert steps.any()


def test_beyond_the_range_is_far_not_unknown():
    image = depth_image(metres([[2.0, 300.0, INF, NAN]]), DepthConfig(hole_filling="off"))
    assert image.shape == (1, 4, 3) and image.dtype == np.uint8
    assert image[0, 1:, 0].tolist() == [255, 255, 0]


def plane_and_box() -> np.ndarray:
    """A ground plane that comes nearer downwards, with a box at 5 m standing on it, below a sky without readings."""
    depth = np.repeat(np.linspace(60, 6, 90, dtype=np.float32)[:, None], 160, axis=1)
    depth[20:80, 60:100] = 5.0
    return np.vstack((np.full((30, 160), NAN, np.float32), depth))


def lidar(depth: np.ndarray) -> np.ndarray:
    """Every fifth row and third column of it."""
    sparse = np.full_like(depth, NAN)
    sparse[::5, ::3] = depth[::5, ::3]
    return sparse


def test_sparse_depth_is_filled_close_to_the_truth():
    truth = plane_and_box()
    sparse = lidar(truth)
    filled = fill_holes(sparse, 6.0)
    scene = filled[32:]
    assert not np.isnan(scene).any()
    error = np.abs(scene - truth[32:]) / truth[32:]
    assert np.median(error) < 0.03 and np.mean(error > 0.15) < 0.06
    known = ~np.isnan(sparse)
    np.testing.assert_array_equal(filled[known], sparse[known])
    np.testing.assert_allclose(filled[60:100, 66:94], 5.0)
    assert np.isinf(filled[:24]).all(), "above the topmost reading there is sky"


def test_the_near_wins_where_the_background_shows_through():
    sparse = np.full((40, 40), NAN, np.float32)
    sparse[::4, ::4] = 5.0
    sparse[18, 18] = 50.0
    filled = fill_holes(sparse, 5.0)
    assert (filled > 6).sum() <= 9


def test_large_holes_stay_unknown():
    depth = np.full((100, 100), 8.0, np.float32)
    depth[30:70, 30:70] = NAN
    filled = fill_holes(depth, 5.0)
    assert np.isnan(filled[40:60, 40:60]).all()
    assert not np.isnan(filled[:34]).any() and (filled[30:33, 30:70] == 8).all()
    assert grey_levels(filled, DepthConfig())[50, 50] == 0


def test_filling_does_not_invent_depth_at_the_border():
    depth = np.full((40, 40), NAN, np.float32)
    depth[6:34, 6:34] = 7.0
    filled = fill_holes(depth, 3.0)
    assert set(np.unique(filled[np.isfinite(filled)])) == {np.float32(7.0)}
    assert np.isnan(filled[10, :2]).all() and np.isnan(filled[39, 20])


def test_beyond_range_is_no_hole():
    depth = np.full((40, 40), INF, np.float32)
    depth[20:] = 5.0
    depth[10, 10] = NAN
    filled = fill_holes(depth, 4.0)
    assert np.isinf(filled[:20]).all() and (filled[20:] == 5).all()


def test_auto_fills_only_what_needs_it():
    dense = np.full((60, 80), 8.0, np.float32)
    dense[30:33, 30:33] = NAN  # 0.2 %
    sparse = lidar(dense)
    images = {mode: make_preprocessor("depth", {"hole_filling": mode}) for mode in ("auto", "on", "off")}
    np.testing.assert_array_equal(images["auto"](metres(dense)), images["off"](metres(dense)))
    np.testing.assert_array_equal(images["auto"](metres(sparse)), images["on"](metres(sparse)))
    assert (images["on"](metres(dense)) != images["off"](metres(dense))).any()
    assert (images["off"](metres(sparse)) == 0).mean() > 0.9
    sky = np.full((60, 80), INF, np.float32)
    sky[40:] = 8.0
    np.testing.assert_array_equal(images["auto"](metres(sky)), images["off"](metres(sky)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 0.001}, "unknown setting 'scale': use min_range_m, max_range_m, unit_m"),
        ({"min_range_m": 5.0, "max_range_m": 5.0}, "min_range_m 5.0 has to be below max_range_m"),
        ({"min_range_m": 0.0}, "min_range_m is 0.0: it has to be greater"),
        ({"max_range_m": float("inf")}, "max_range_m is inf: it has to be a finite number"),
        ({"unit_m": -1.0}, "unit_m is -1.0"),
        ({"encoding": "jet"}, "encoding is 'jet': it has to be 'log'"),
        ({"hole_filling": "maybe"}, "has to be 'auto', 'on' or 'off'"),
        ({"hole_filling": True}, "hole_filling is True"),
        ({"max_hole_radius": 0}, "max_hole_radius is 0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        make_preprocessor("depth", settings)


def test_recorded_lidar_depth_is_filled():
    path = SHARED / "depth_16UC1"
    if not path.exists():
        pytest.skip(f"the recorded bags are not here: no {path}")
    preprocess = make_preprocessor("depth")
    with BagReader(path) as reader:
        frames = list(reader.frames("/depth/image_raw"))
    assert len(frames) == 6
    for frame in frames:
        assert 0.03 < np.isfinite(metric_depth(frame, DepthConfig())).mean() < 0.06
        image = preprocess(frame)
        assert image.shape == (370, 1224, 3)
        assert (image == 0).mean() < 0.05, "almost nothing is left unknown"
        assert (image[:60] == 255).all(), "the sky is far"
        assert image[-20:].mean() < 40, "the road before the car is near"
