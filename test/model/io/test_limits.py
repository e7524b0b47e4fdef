# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The size that every decoder goes by."""

from __future__ import annotations

import pytest

from madm_model.io.frames import FrameError, InputError
from madm_model.io.limits import check_size


@pytest.mark.parametrize(("width", "height"), [(1, 1), (6000, 4000), (5000, 5000), (32768, 1)])
def test_sensors_are_taken(width: int, height: int) -> None:
    check_size("the image", width, height)


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (-1, 4), (5000, 5001), (32769, 1), (1 << 32, 1 << 32)])
def test_sizes_that_no_sensor_has_are_one_error_of_the_wanted_kind(size: tuple[int, int]) -> None:
    with pytest.raises(FrameError, match=f"the image claims {size[0]}x{size[1]} pixels"):
        check_size("the image", *size)

    class OtherError(InputError):
        pass

    with pytest.raises(OtherError):
        check_size("the image", *size, error=OtherError)
