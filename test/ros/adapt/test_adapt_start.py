# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The adaptation server on its own: small and quick to start, as it waits most of its life."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

PROGRAM = """
import sys
import rclpy
from madm_msgs.msg import AdaptJob
from madm_ros.adapt.server import AdaptServer

rclpy.init(args=["--ros-args", "-p", f"store:={sys.argv[1]}/store", "-p", f"bag_roots:=['{sys.argv[1]}']"])
server = AdaptServer()
job = AdaptJob(bag_uris=[sys.argv[1] + "/gone"], iterations=10)
accepted, message, _ = server._start(job)
assert not accepted and "gone" in message, message
print(sorted({"torch", "diffusers", "transformers", "peft", "scipy"} & set(sys.modules)))
server.destroy_node()
rclpy.shutdown()
"""


def test_a_server_that_has_answered_a_request_has_not_imported_what_trains(tmp_path, another_domain_id) -> None:
    environment = {**os.environ, "ROS_DOMAIN_ID": str(another_domain_id)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stderr
