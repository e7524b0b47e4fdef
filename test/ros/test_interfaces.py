# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The message packages: compatible with the released ones on the wire, and usable from a fresh Python anywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

WIRE_COMPATIBLE = Path(__file__).resolve().parents[2] / "msg" / "wire_compatible"

# Hashes (REP 2016) computed from the definitions in the sources of vision_msgs 4.1.1 and event_camera_msgs.
RELEASED = {
    "vision_msgs/msg/VisionClass": "RIHS01_1e4a11f0fed50b5623cb8ff26ca0e37952a48a9c074d16f804b44e9164c2037a",
    "vision_msgs/msg/LabelInfo": "RIHS01_3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783",
    "event_camera_msgs/msg/EventPacket": "RIHS01_d6fa176260b1f37e5a40845305315e150a0f18191241eb64f407442aa29844aa",
}


def test_definitions_have_the_type_hashes_of_the_released_packages():
    types = {}
    for name in RELEASED:
        package, folder, message = name.split("/")
        definition = (WIRE_COMPATIBLE / package / folder / f"{message}.msg").read_text()
        types |= get_types_from_msg(definition, name)
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(types)
    assert {name: store.hash_rihs01(name) for name in RELEASED} == RELEASED


def test_every_definition_is_generated():
    for folder in (WIRE_COMPATIBLE.parent, *(path for path in WIRE_COMPATIBLE.iterdir() if path.is_dir())):
        listed = (folder / "CMakeLists.txt").read_text()
        for kind in ("msg", "srv", "action"):
            for definition in (folder / kind).glob(f"*.{kind}"):
                assert f'"{kind}/{definition.name}"' in listed, definition


def test_a_fresh_python_in_any_folder_can_import_the_packages(tmp_path):
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    program = "import rclpy, vision_msgs.msg, event_camera_msgs.msg, madm_msgs.msg, madm_msgs.srv, madm_msgs.action"
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_adaptation_messages_survive_the_wire():
    serialization = pytest.importorskip("rclpy.serialization", reason="rclpy is not installed")
    from diagnostic_msgs.msg import KeyValue
    from madm_msgs.msg import AdaptJob, AdaptProgress, AdaptStatus

    job = AdaptJob(bag_uris=["drive_1", "drive_2"], topic="/thermal/image_raw", modality="thermal", iterations=200)
    job.time_budget.sec = 600
    job.options = [KeyValue(key="dplg.noise_period", value="60")]
    status = AdaptStatus(state=AdaptStatus.STATE_TRAINING, job_id="7", job=job, versions=["base", "7"])
    status.progress = AdaptProgress(iteration=12, iterations=200, loss_total=1.5, noise_step=-1)
    assert serialization.deserialize_message(serialization.serialize_message(status), AdaptStatus) == status
