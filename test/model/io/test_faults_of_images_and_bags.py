# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A few of the faults that `make faults` makes by the hundred; those are made in processes of their own."""

from __future__ import annotations

from contextlib import suppress

import pytest
from faults import bags, images

from madm_model.io.frames import InputError


@pytest.mark.parametrize(("loop", "count"), [(bags, 32), (images, 54)])
def test_damaged_bags_and_images_are_survived(loop, count, tmp_path):
    arguments = (tmp_path,) if loop is bags else ()
    read = 0
    for what, function, parts in loop.faults(1, count, *arguments):
        try:
            with suppress(InputError):
                function(*parts)
                read += 1
        except Exception as error:
            pytest.fail(f"{what}: {error!r}")
    assert 0 < read < count  # some are harmless, some are refused
