# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Random appearance changes what an image looks like and keeps where things are."""

import numpy as np
import pytest

from madm_model.training.appearance import AppearanceConfig, random_appearance, random_edges, random_tones


def two_surfaces() -> np.ndarray:
    """Red left of column 32, green right of it."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, :32], image[:, 32:] = (200, 30, 40), (40, 160, 60)
    return image


@pytest.mark.parametrize("seed", range(20))
def test_every_appearance_is_an_image_of_the_same_size(seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
    seen = random_appearance(np.random.default_rng(seed), image, AppearanceConfig())
    assert seen.shape == image.shape and seen.dtype == np.uint8


def test_the_generator_decides_everything() -> None:
    image = two_surfaces()
    first, again, other = (
        random_appearance(np.random.default_rng(seed), image, AppearanceConfig(0, 1)) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_colours_stay_where_asked() -> None:
    image = two_surfaces()
    assert random_appearance(np.random.default_rng(0), image, AppearanceConfig(1, 0)) is image


def test_tones_do_not_follow_the_colours() -> None:
    rng = np.random.default_rng(0)
    seen = [random_tones(rng, two_surfaces()) for _ in range(60)]
    left_is_brighter = [tones[:, :24].mean() > tones[:, 40:].mean() for tones in seen]
    assert 15 < sum(left_is_brighter) < 45


def test_edges_are_where_surfaces_meet() -> None:
    rng = np.random.default_rng(0)
    mean = np.mean([random_edges(rng, two_surfaces()) for _ in range(40)], axis=0)
    assert mean[:, 30:34].mean() > 10 * mean[:, 5:25].mean()


def test_a_flat_image_gives_finite_values() -> None:
    flat = np.full((32, 32, 3), 90, np.uint8)
    for seed in range(10):
        assert np.isfinite(random_tones(np.random.default_rng(seed), flat)).all()
        assert np.isfinite(random_edges(np.random.default_rng(seed), flat)).all()


@pytest.mark.parametrize("colour, tones", [(-0.1, 0.5), (0.8, 0.4)])
def test_impossible_probabilities_are_refused(colour: float, tones: float) -> None:
    with pytest.raises(ValueError, match="together at most 1"):
        AppearanceConfig(colour, tones)
