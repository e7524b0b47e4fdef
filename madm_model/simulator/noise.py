# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Sensor noise that depends on a seed and the time only."""

from __future__ import annotations

from functools import cache

import numpy as np


@cache
def _bank(size: int) -> np.ndarray:
    """Unit normal noise to cut fields from, float32 (size,); drawing it anew for every frame would cost too much."""
    return np.random.default_rng(20252).standard_normal(size, np.float32)


def noise_field(shape: tuple[int, ...], key: tuple[int, int, float]) -> np.ndarray:
    """Unit normal noise.

    Args:
        shape: of the field wanted.
        key: seed, number of the use, and time in seconds (equal to the nanosecond gives equal noise).

    Returns:
        float32 of the shape asked for; a read-only window of a fixed bank.
    """
    seed, use, time_s = key
    count = int(np.prod(shape))
    bank = _bank(1 << int(np.ceil(np.log2(8 * count))))
    # SeedSequence takes no negative numbers.
    rng = np.random.default_rng([seed, use, round(time_s * 1e9) % (1 << 63)])
    start = int(rng.integers(len(bank) - count))
    return bank[start : start + count].reshape(shape)
