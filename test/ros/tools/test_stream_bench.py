from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

SMALL = """
from madm_ros.tools.stream_bench import measure
if __name__ == "__main__":
    print("\\n".join(measure(0.3, 1, ((64, 48, 30),))))
"""


def test_the_bench_prints_a_table_with_both_kinds_of_camera(tmp_path) -> None:
    script = tmp_path / "small.py"
    script.write_text(SMALL)
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "ROS_DOMAIN_ID": str(os.getpid() % 101)},
    )
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in done.stdout.strip().splitlines()[2:]]
    assert [row[:2] for row in rows] == [["64x48 at 30 Hz", "reliable"], ["64x48 at 30 Hz", "best effort"]]
    assert all(float(rate) > 0 for row in rows for rate in row[2:])
