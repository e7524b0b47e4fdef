# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A robot of four cameras: a recording of theirs, models of a moment, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from adaptation_samples import thermal_frames, write_model
from event_bag_samples import bar_events

from madm_model.events.encoders import encode_mono
from madm_model.events.messages import make_packet
from madm_model.io.bags import BagWriter, make_image_message

START_NS = 5_000_000_000
CAMERAS = {"front": "thermal", "rear": "thermal", "lidar": "depth", "dvs": "event"}
"""Name to modality."""


def write_robot_bag(path: Path, seconds: float = 2.0) -> Path:
    """Images ten times a second, packets of 10 ms, each below its camera's name; all of 48x32 pixels."""
    depth = np.full((32, 48), 4000, np.uint16)
    with BagWriter(path) as bag:
        for number, frame in enumerate(thermal_frames(round(10 * seconds))):
            stamp_ns = START_NS + number * 100_000_000
            for name, image in (("front", frame), ("rear", frame[:, ::-1].copy()), ("lidar", depth + number)):
                encoding = "16UC1" if name == "lidar" else "mono16"
                bag.write(f"/{name}/image_raw", make_image_message(image, encoding, stamp_ns, name), stamp_ns)
            for start_us in range(number * 100_000, (number + 1) * 100_000, 10_000):
                base_ns, seq = start_us * 1000, start_us // 10_000
                payload = encode_mono(bar_events(start_us, 32, 48, 40.0, 5), base_ns)
                packet = make_packet("/dvs/events", payload, "mono", (48, 32), seq, START_NS + base_ns, "dvs", base_ns)
                bag.copy(packet)
    return path


def write_robot(folder: Path, **changes: Any) -> Path:
    """The file of a robot with random models, one of them for both thermal cameras.

    Args:
        folder: where models, stores and the file go.
        changes: of the file's fields.
    """
    for seed, modality in enumerate(sorted(set(CAMERAS.values()))):
        write_model(folder / modality, seed)
    cameras: list[Mapping[str, Any]] = [
        {
            "name": name,
            "modality": modality,
            "model": str(folder / modality),
            "store": str(folder / f"{modality}_store"),
        }
        for name, modality in CAMERAS.items()
    ]
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump({"cameras": cameras, "parameters": {"runtime": "torch"}, **changes}))
    return path
