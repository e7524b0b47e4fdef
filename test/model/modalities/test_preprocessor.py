# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Choosing the way of a modality, and the visible one."""

from __future__ import annotations

import numpy as np
import pytest

from madm_model.io.frames import FrameError, RawFrame
from madm_model.modalities import make_preprocessor

COLOUR = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def test_visible_light_passes_through():
    preprocess = make_preprocessor("rgb")
    with_padding = np.pad(COLOUR, ((0, 0), (0, 3), (0, 1)))[:, :8]
    for view in (COLOUR, COLOUR[..., ::-1], with_padding[..., :3], with_padding[..., 2::-1], COLOUR[:1, :1, ::-1]):
        image = preprocess(RawFrame(view, "rgb8", 0, ""))
        np.testing.assert_array_equal(image, view)
        assert image.flags.c_contiguous
    for encoding in ("mono8", "8UC1"):
        grey = preprocess(RawFrame(COLOUR[..., 1], encoding, 0, ""))
        np.testing.assert_array_equal(grey, np.repeat(COLOUR[..., 1:2], 3, axis=-1))
    with pytest.raises(FrameError, match="'mono16' is no visible-light image"):
        preprocess(RawFrame(np.zeros((4, 4), np.uint16), "mono16", 0, ""))


def test_every_modality_can_be_made_with_whole_numbers_for_fractions():
    assert make_preprocessor("thermal", {"min_span": 8}).config.min_span == 8.0
    image = make_preprocessor("depth", {"max_range_m": 50})(
        RawFrame(np.full((4, 4), 51000, np.uint16) - 2000, "16UC1", 0, "")
    )
    assert (image < 255).all()


def test_edge_frames_are_shown_bright_on_black():
    edges = RawFrame(COLOUR[..., 0], "mono8", 0, "")
    expected = np.repeat(COLOUR[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(make_preprocessor("event")(edges), expected)
    np.testing.assert_array_equal(make_preprocessor("event", {"invert": True})(edges), 255 - expected)


@pytest.mark.parametrize(
    ("modality", "settings", "message"),
    [
        ("sonar", {}, "modality 'sonar' is unknown: use rgb, thermal, depth or event"),
        ("event", {"decay_s": 0.1}, "unknown setting 'decay_s': use invert"),
        ("rgb", {"gain": "fixed"}, "unknown setting 'gain': rgb has no settings"),
    ],
)
def test_bad_choices(modality, settings, message):
    with pytest.raises(ValueError, match=message):
        make_preprocessor(modality, settings)
