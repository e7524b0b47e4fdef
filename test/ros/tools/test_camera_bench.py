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
from madm_ros.tools import camera_bench
from madm_ros.tools.node_bench import instant_segmenter

if __name__ == "__main__":
    camera_bench._SETTLE_S = 0.1
    load = camera_bench.Load(size=(64, 48), segmenter_factory=instant_segmenter)
    print("\\n".join(camera_bench.table([2], load, 2.0, 1)))
"""


def test_the_bench_prints_one_process_and_as_many_as_cameras(tmp_path, another_domain_id) -> None:
    rows = bench_rows(tmp_path / "small.py", SMALL, another_domain_id, 180)
    assert [row[:2] for row in rows] == [["2", "1"], ["2", "2"]]
    assert all(float(value) > 0 for row in rows for value in row[2:6])
    assert rows[0][6] == "1.00x"
