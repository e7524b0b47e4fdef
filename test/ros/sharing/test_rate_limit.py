# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

import random

import pytest

from madm_ros.sharing.rate_limit import RateLimit


def admitted(times: list[float], max_rate: float) -> list[float]:
    limit = RateLimit()
    return [now for now in times if limit.admits(now, max_rate)]


def test_zero_is_no_limit() -> None:
    times = [0.001 * index for index in range(50)]
    assert admitted(times, 0.0) == times


@pytest.mark.parametrize(
    ("camera_hz", "max_rate", "expected"), [(30, 15, 150), (30, 10, 100), (20, 15, 150), (30, 7, 70)]
)
@pytest.mark.parametrize("jitter_s", [0.0, 0.003])
def test_an_uneven_camera_gives_as_many_frames_as_the_limit_says(
    camera_hz: int, max_rate: int, expected: int, jitter_s: float
) -> None:
    uneven = random.Random(1)
    times = [100 + index / camera_hz + uneven.uniform(-jitter_s, jitter_s) for index in range(10 * camera_hz)]
    assert abs(len(admitted(times, max_rate)) - expected) <= 0.1 * expected


def test_a_slower_camera_loses_nothing() -> None:
    uneven = random.Random(1)
    times = [index / 10 + uneven.uniform(-0.002, 0.002) for index in range(100)]
    assert admitted(times, 10.5) == times


def test_no_burst_follows_a_pause() -> None:
    after = [10 + 0.001 * index for index in range(150)]
    assert len(admitted([0.0, *after], 10.0)) <= 1 + 3


def test_a_raised_limit_counts_at_once() -> None:
    limit = RateLimit()
    assert limit.admits(0.0, 0.01)
    assert not limit.admits(1.0, 0.01)
    assert not limit.admits(1.2, 10.0)
    assert limit.admits(1.3, 10.0)
