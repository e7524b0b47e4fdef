# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What is read of serialised messages without deserialising them."""

from __future__ import annotations

import struct

import pytest

from madm_model.io.raw_message import stamp_of


@pytest.mark.parametrize(("encapsulation", "order"), [(0, ">"), (1, "<"), (6, ">"), (7, "<")])
def test_the_stamp_in_each_byte_order_of_cdr_and_cdr_2(encapsulation, order) -> None:
    data = struct.pack(">HH", encapsulation, 0) + struct.pack(f"{order}iI", 1_700_000_000, 5) + b"more"
    assert stamp_of(data) == stamp_of(memoryview(data)) == 1_700_000_000_000_000_005


@pytest.mark.parametrize("data", [b"", b"\0\1\0\0" + bytes(7), b"\0\3\0\0" + bytes(20), b"\0\x09\0\0" + bytes(20)])
def test_what_has_no_header_at_its_beginning_is_refused(data) -> None:
    with pytest.raises(ValueError, match=r"too short|not serialised as CDR"):
        stamp_of(data)
