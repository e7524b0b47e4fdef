# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A few of the faults that `make faults` makes by the thousand; those are made in processes of their own."""

from __future__ import annotations

from contextlib import suppress

import pytest
from faults.event_recordings import faults

from madm_model.io.frames import InputError


def test_damaged_events_are_survived(tmp_path):
    pytest.importorskip("evt3", reason="the package evt3 is not installed")
    pytest.importorskip("h5py", reason="h5py is not installed")
    survived = 0
    for what, function, arguments in faults(1, 45, tmp_path):
        try:
            with suppress(InputError):
                function(*arguments)
        except Exception as error:
            pytest.fail(f"{what}: {error!r}")
        survived += 1
    assert survived == 45
