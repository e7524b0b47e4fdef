# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Writes a drive as a bag."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from madm_model.events.encoders import encode_evt3
from madm_model.events.messages import make_packet
from madm_model.io.bag_writer import (
    BagWriter,
    make_camera_info_message,
    make_image_message,
    make_point_cloud_message,
)
from madm_model.io.raw_message import RawMessage
from madm_model.simulator.events import EventSensorConfig, street_events
from madm_model.simulator.lidar import LidarConfig, scan
from madm_model.simulator.street import StreetSimulator

START_NS = 1_704_067_200_000_000_000
"""Stamp of the drive's first moment (2024-01-01 UTC): the same drive gives the same bag."""

FRAME_ID = "camera_optical_frame"
"""All sensors look through one lens."""

LIDAR_FRAME_ID = "lidar"

LIDAR_TOPIC = "/lidar/points"

EVENT_TOPIC = "/event_camera/events"
"""As drivers of event cameras call it."""


def record_drive(
    simulator: StreetSimulator,
    path: str | Path,
    seconds: float,
    rate: float,
    on_frame: Callable[[], None] = lambda: None,
    event_sensor: EventSensorConfig | None = None,
    lidar: LidarConfig | None = None,
) -> int:
    """Drive and write /rgb, /depth and /thermal (image_raw and camera_info each) and /labels/image_raw.

    With an event sensor also /event_camera/events, EventPacket in evt3; its clock starts with the drive. With a LiDAR
    also /lidar/points, x, y, z and ring.

    Args:
        path: the bag's folder, which must not exist.
        seconds: length of the drive, above 0.
        rate: frames a second, above 0.
        on_frame: called after every frame.
        event_sensor: writes events too; None: none, which takes a fraction of the time.
        lidar: writes a cloud with every frame; None: none.

    Returns:
        The number of frames written.

    Raises:
        ValueError: length or rate is not above 0.
        BagError: the bag exists or cannot be written.
    """
    if not (seconds > 0 and rate > 0):
        raise ValueError(f"a drive needs a length and a rate above 0, not {seconds} s at {rate} Hz")
    count = max(1, round(seconds * rate))
    config = simulator.config
    packets = _packets(simulator, seconds, event_sensor) if event_sensor else iter(())
    with BagWriter(path) as bag:
        packet = next(packets, None)
        for number in range(count):
            frame = simulator.frame(number / rate)
            stamp = START_NS + round(number * 1e9 / rate)
            while packet is not None and packet.stamp_ns < stamp:
                bag.copy(packet)
                packet = next(packets, None)
            info = make_camera_info_message(config.width, config.height, simulator.camera_matrix, stamp, FRAME_ID)
            for name, array, encoding in (
                ("rgb", frame.rgb, "rgb8"),
                ("depth", frame.depth, "32FC1"),
                ("thermal", frame.thermal, "mono16"),
            ):
                bag.write(f"/{name}/image_raw", make_image_message(array, encoding, stamp, FRAME_ID), stamp)
                bag.write(f"/{name}/camera_info", info, stamp)
            if lidar is not None:
                bag.write(LIDAR_TOPIC, _cloud(simulator, number / rate, lidar, stamp), stamp)
            bag.write("/labels/image_raw", make_image_message(frame.labels, "mono8", stamp, FRAME_ID), stamp)
            on_frame()
        while packet is not None:
            bag.copy(packet)
            packet = next(packets, None)
    return count


def _cloud(simulator: StreetSimulator, time_s: float, lidar: LidarConfig, stamp_ns: int) -> Any:
    sweep = scan(simulator, time_s, lidar)
    points = np.zeros(len(sweep.labels), [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("ring", "<u2")])
    points["x"], points["y"], points["z"], points["ring"] = *sweep.points, sweep.rings
    return make_point_cloud_message(points, stamp_ns, LIDAR_FRAME_ID)


def _packets(simulator: StreetSimulator, seconds: float, sensor: EventSensorConfig) -> Iterator[RawMessage]:
    seq = 0
    for events in street_events(simulator, 0.0, seconds, sensor):
        if len(events):
            stamp = START_NS + int(events.t_us[0]) * 1000
            size = (events.width, events.height)
            yield make_packet(EVENT_TOPIC, encode_evt3(events), "evt3", size, seq, stamp, FRAME_ID)
            seq += 1
