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

from ros_helpers import bench_rows

SMALL = """
from madm_ros.tools.stream_bench import measure
if __name__ == "__main__":
    print("\\n".join(measure(2.0, 1, ((64, 48, 30),))))
"""


def test_the_bench_prints_a_table_with_both_kinds_of_camera(tmp_path, another_domain_id) -> None:
    rows = bench_rows(tmp_path / "small.py", SMALL, another_domain_id, 120)
    assert [row[:2] for row in rows] == [["64x48 at 30 Hz", "reliable"], ["64x48 at 30 Hz", "best effort"]]
    assert all(float(rate) > 0 for row in rows for rate in row[2:])
