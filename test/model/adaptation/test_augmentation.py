# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Colour jitter and blur on known colours."""

from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest
import torch

from madm_model.adaptation.augmentation import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    augment,
    gaussian_blur,
)
from madm_model.adaptation.config import AugmentationConfig


def pixels(*colours: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor(colours, dtype=torch.float64).T[None, :, None]


def test_brightness_multiplies_and_clips():
    out = adjust_brightness(pixels((0.5, 0.1, 0.9)), 0.2)
    assert torch.allclose(out, pixels((0.6, 0.12, 1.0)))


def test_contrast_stretches_around_the_mean_grey():
    out = adjust_contrast(pixels((0.2, 0.2, 0.2), (0.6, 0.6, 0.6)), -0.5)
    assert torch.allclose(out, pixels((0.3, 0.3, 0.3), (0.5, 0.5, 0.5)), atol=1e-6)


def test_saturation_stretches_around_the_pixels_grey():
    grey = 0.299 * 0.8 + 0.587 * 0.4 + 0.114 * 0.2
    out = adjust_saturation(pixels((0.8, 0.4, 0.2)), -1.0)
    assert torch.allclose(out, pixels((grey, grey, grey)), atol=1e-6)


@pytest.mark.parametrize("turns", [-0.2, 0.0, 0.07, 0.2, 0.5])
def test_hue_turns_like_colorsys(turns):
    colours = [
        (0.8, 0.4, 0.2),
        (0.1, 0.9, 0.3),
        (0.2, 0.25, 0.7),
        (0.9, 0.1, 0.6),
        (0.5, 0.5, 0.5),
        (0, 0, 0),
        (1, 1, 0),
    ]
    expected = []
    for colour in colours:
        hue, saturation, value = colorsys.rgb_to_hsv(*colour)
        expected.append(colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value))
    assert torch.allclose(adjust_hue(pixels(*colours), turns), pixels(*expected), atol=1e-9)


def test_blur_of_a_point_is_the_gaussian():
    image = torch.zeros(1, 3, 15, 15, dtype=torch.float64)
    image[:, :, 7, 7] = 1
    out = gaussian_blur(image, 1.0)
    assert out.sum().item() == pytest.approx(3, abs=1e-6)
    assert (out[0, 0, 7, 8] / out[0, 0, 7, 7]).item() == pytest.approx(math.exp(-0.5), rel=1e-6)
    assert torch.allclose(out, out.transpose(-1, -2))


def test_blur_keeps_flat_images_up_to_the_border():
    image = torch.full((2, 3, 9, 9), 0.4)
    assert torch.allclose(gaussian_blur(image, 1.15), image, atol=1e-6)


def test_smallest_blur_changes_next_to_nothing():
    image = torch.rand(1, 3, 8, 8)
    assert torch.allclose(gaussian_blur(image, 0.15), image, atol=1e-6)


def test_frequencies_range_and_repeatability():
    image = torch.rand(1, 3, 6, 6) * 2 - 1
    rng = np.random.default_rng(0)
    outs = [augment(image, AugmentationConfig(), rng) for _ in range(400)]
    untouched = sum(torch.equal(out, image) for out in outs)
    assert 20 <= untouched <= 60  # 0.2 * 0.5 of 400, +- 3 sigma
    assert all(out.abs().max() <= 1 + 1e-6 for out in outs)
    again = np.random.default_rng(0)
    assert all(torch.equal(augment(image, AugmentationConfig(), again), out) for out in outs[:20])


def test_none_is_off():
    image = torch.rand(1, 3, 6, 6)
    assert augment(image, None, np.random.default_rng(0)) is image
