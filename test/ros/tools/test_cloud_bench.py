# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from madm_ros.tools.cloud_bench import LENSES, measure


def test_the_bench_prints_a_row_for_every_lens() -> None:
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in measure(points=500, repeat=1)[2:]]
    assert [row[0] for row in rows] == list(LENSES)
    assert all(float(cell) > 0 for row in rows for cell in row[1:])
