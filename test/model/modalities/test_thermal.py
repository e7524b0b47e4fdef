# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Gain control of thermal images: every encoding, flat scenes, hot objects, changing settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from madm_model.io.bags import BagReader
from madm_model.io.frames import FrameError, RawFrame
from madm_model.modalities import ThermalConfig, ThermalPreprocessor, make_preprocessor
from madm_model.modalities.thermal import apply_gain, follow_limits, percentile_limits

SHARED = Path(__file__).parents[4] / "shared" / "data" / "bags"


def frame(array: np.ndarray, encoding: str | None = None) -> RawFrame:
    names = {"uint8": "mono8", "uint16": "mono16", "float32": "32FC1"}
    return RawFrame(array, encoding or names[array.dtype.name], 0, "thermal")


def ramp(low: int, high: int, dtype: type = np.uint16) -> np.ndarray:
    return np.tile(np.linspace(low, high, 160), (120, 1)).astype(dtype)


@pytest.mark.parametrize("encoding", ["mono8", "8UC1", "mono16", "16UC1"])
def test_any_bit_depth_fills_the_grey_scale(encoding):
    ranges = [(40, 90)] if encoding in ("mono8", "8UC1") else [(40, 90), (7000, 7400), (0, 16383), (30000, 65535)]
    dtype = np.uint8 if encoding in ("mono8", "8UC1") else np.uint16
    for low, high in ranges:
        image = ThermalPreprocessor()(frame(ramp(low, high, dtype), encoding))
        assert image.shape == (120, 160, 3) and image.dtype == np.uint8
        assert (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all()
        assert image.min() == 0 and image.max() == 255 and abs(image.mean() - 127.5) < 3
        assert (np.diff(image[0, :, 0].astype(int)) >= 0).all()


def test_gain_is_the_same_for_every_depth_of_the_same_scene():
    scene = np.random.default_rng(0).integers(20, 200, (60, 80))
    eight = ThermalPreprocessor()(frame(scene.astype(np.uint8)))
    sixteen = ThermalPreprocessor()(frame((7000 + 20 * scene).astype(np.uint16)))
    assert np.abs(eight.astype(int) - sixteen).max() <= 1


def test_a_coloured_thermal_image_becomes_grey():
    colours = np.stack([ramp(0, 255, np.uint8)] * 3, axis=-1)
    view = colours[..., ::-1]  # as bgr8 is decoded: a view with negative strides
    image = ThermalPreprocessor()(frame(view, "rgb8"))
    assert image.min() == 0 and image.max() == 255


def test_other_encodings_are_refused():
    with pytest.raises(FrameError, match="'32FC1' is no thermal image"):
        ThermalPreprocessor()(frame(np.zeros((4, 4), np.float32)))


@pytest.mark.parametrize("value", [0, 7, 255, 65535])
@pytest.mark.parametrize("gain", ["percentile", "clahe", "fixed"])
def test_a_flat_scene_is_flat(gain, value):
    dtype = np.uint8 if value <= 255 else np.uint16
    image = make_preprocessor("thermal", {"gain": gain})(frame(np.full((50, 60), value, dtype)))
    assert np.ptp(image) == 0
    if gain == "percentile":
        assert image[0, 0, 0] in (127, 128)


def test_noise_of_a_flat_scene_is_not_stretched():
    noise = np.random.default_rng(0).integers(7000, 7003, (60, 80)).astype(np.uint16)
    image = ThermalPreprocessor(ThermalConfig(min_span=32))(frame(noise))
    assert np.ptp(image) <= 2 * 255 / 32 + 1


def test_fixed_range_and_invert():
    counts = np.array([[0, 100, 150, 200, 65535]], np.uint16)
    fixed = ThermalConfig(gain="fixed", fixed_min=100, fixed_max=200)
    assert ThermalPreprocessor(fixed)(frame(counts))[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    inverted = ThermalPreprocessor(replace(fixed, invert=True))(frame(counts))
    assert inverted[0, :, 0].tolist() == [255, 255, 128, 0, 0]
    eight = ThermalPreprocessor(fixed)(frame(counts.clip(0, 255).astype(np.uint8)))
    assert eight[0, :, 0].tolist() == [0, 0, 128, 255, 255]


def test_clahe_shows_more_of_a_dark_corner():
    scene = ramp(1000, 9000)
    scene[:40, :40] = 1000 + np.random.default_rng(0).integers(0, 200, (40, 40))
    plain = ThermalPreprocessor()(frame(scene))
    local = make_preprocessor("thermal", {"gain": "clahe", "clahe_clip_limit": 4.0})(frame(scene))
    assert local[:40, :40].std() > 2 * plain[:40, :40].std()


def test_percentiles_ignore_dead_pixels():
    counts = ramp(7000, 7400)
    counts[::50, ::70] = 65535
    counts[1::50, ::70] = 0
    low, high = percentile_limits(counts, 1.0, 99.0, 16.0)
    assert 6995 < low < 7010 and 7390 < high < 7405


def test_a_hot_object_changes_the_gain_in_bounded_steps():
    scene, fire = ramp(7000, 7400), ramp(7000, 7400)
    fire[40:80, 40:80] = 16000
    preprocess = ThermalPreprocessor(ThermalConfig(max_change=0.1))
    before = preprocess(frame(scene))
    spans = [np.subtract(*preprocess.limits[::-1])]
    means = [before.mean()]
    for _ in range(60):
        means.append(preprocess(frame(fire))[:30].mean())  # the part without fire
        spans.append(np.subtract(*preprocess.limits[::-1]))
    ratios = np.array(spans[1:]) / np.array(spans[:-1])
    assert ratios.max() <= 1.1 + 1e-9 and ratios.min() >= 1 - 1e-9
    assert np.abs(np.diff(means)).max() < 30
    assert means[-1] < 15, "in the end the range is that of the scene with fire"

    unfiltered = ThermalPreprocessor(ThermalConfig(max_change=1.0))
    unfiltered(frame(scene))
    assert unfiltered(frame(fire))[:30].mean() < 15, "without the filter the scene goes dark at once"


def test_limits_move_by_at_most_a_share_of_the_range():
    assert follow_limits((100, 200), (90, 900), 0.1) == (90, 210)
    assert follow_limits((100, 200), (130, 150), 0.1) == (110, 190)
    assert follow_limits((100, 200), (195, 900), 0.1) == (110, 210)
    assert follow_limits((100, 200), (103, 201), 0.1) == (103, 201)
    assert follow_limits((100, 200), (140, 150), 0.9) == (140, 150)
    assert follow_limits((100, 200), (300, 900), 0.1) == (300, 900), "a blank image is worse than a jump"
    assert follow_limits((100, 200), (0, 100), 0.1) == (0, 100)
    assert follow_limits((100, 200), (150, 900), 1.0) == (150, 900)


def test_a_new_size_or_encoding_starts_anew():
    preprocess = ThermalPreprocessor()
    preprocess(frame(ramp(7000, 7400)))
    for other in (frame(ramp(7000, 9000)[:60]), frame(ramp(7000, 12000)[:60], "16UC1")):
        preprocess(other)
        assert preprocess.limits == percentile_limits(other.array, 0.5, 99.5, 16.0)
    preprocess(frame(ramp(7000, 16000)[:60], "16UC1"))
    assert preprocess.limits[1] < 13000
    preprocess.reset()
    preprocess(frame(ramp(7000, 16000)[:60], "16UC1"))
    assert preprocess.limits[1] > 15900


def test_settings_change_live_without_losing_the_limits():
    preprocess = ThermalPreprocessor()
    preprocess(frame(ramp(7000, 7400)))
    present = preprocess.limits
    preprocess.config = ThermalConfig(high_percentile=60.0, invert=True)
    image = preprocess(frame(ramp(7000, 7400)))
    assert preprocess.limits[1] == pytest.approx(present[1] - 0.1 * (present[1] - present[0]))
    assert image[0, 0, 0] == 255 and image[0, -1, 0] == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_lookup_table_equals_plain_arithmetic(dtype):
    counts = np.random.default_rng(0).integers(0, 256, (30, 40)).astype(dtype)
    expected = np.rint(np.clip((counts.astype(float) - 33.5) * 255 / (180.25 - 33.5), 0, 255))
    difference = np.abs(apply_gain(counts, (33.5, 180.25)) - expected)
    assert difference.max() <= 1 and difference.mean() < 0.01


def test_the_input_is_left_alone_and_need_not_be_contiguous():
    padded = np.zeros((120, 170), np.uint16)
    padded[:, :160] = ramp(7000, 7400)
    view = padded[:, :160]
    view.flags.writeable = False
    for gain in ("percentile", "clahe"):
        image = make_preprocessor("thermal", {"gain": gain})(frame(view))
        np.testing.assert_array_equal(image, make_preprocessor("thermal", {"gain": gain})(frame(view.copy())))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gian": "fixed"}, "unknown setting 'gian': use gain, low_percentile"),
        ({"gain": "auto"}, "gain is 'auto': it has to be 'percentile', 'fixed' or 'clahe'"),
        ({"low_percentile": 60.0, "high_percentile": 40.0}, "low_percentile 60.0 has to be below high_percentile 40.0"),
        ({"high_percentile": 101}, "high_percentile is 101: it has to be less than or equal to 100"),
        ({"fixed_min": 10.0, "fixed_max": 10.0}, "has to be below"),
        ({"fixed_max": float("nan")}, "has to be a finite number"),
        ({"min_span": 0}, "min_span is 0: it has to be greater than 0"),
        ({"max_change": 0.0}, "max_change is 0.0: it has to be greater"),
        ({"clahe_clip_limit": -1.0}, "clahe_clip_limit"),
        ({"clahe_tiles": 0}, "clahe_tiles is 0"),
        ({"clahe_tiles": 2.5}, "has to be a valid integer"),
        ({"clahe_tiles": True}, "has to be a valid integer"),
        ({"invert": 1}, "has to be a valid boolean"),
        ({"low_percentile": "1"}, "has to be a valid number"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        make_preprocessor("thermal", settings)


@pytest.mark.parametrize("name", ["thermal_mono8", "thermal_mono16"])
def test_recorded_streams_have_contrast_and_a_bounded_gain(name):
    if not (SHARED / name).exists():
        pytest.skip(f"the recorded bags are not here: no {SHARED / name}")
    preprocess = ThermalPreprocessor()
    spans = []
    with BagReader(SHARED / name) as reader:
        for raw in reader.frames():
            image = preprocess(raw)
            assert image.shape == (480, 640, 3) and image.std() > 15
            spans.append(preprocess.limits[1] - preprocess.limits[0])
    ratios = np.array(spans[1:]) / np.array(spans[:-1])
    assert ratios.max() <= 1.2 + 1e-9 and ratios.min() >= 0.8 - 1e-9
