# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A small event bag: a bar that moves over a dark scene, packets ten milliseconds apart, without a simulator."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from madm_model.events.container import Events
from madm_model.events.encoders import encode_mono
from madm_model.events.messages import make_packet
from madm_model.io.bags import BagWriter

TOPIC = "/event_camera/events"
START_NS = 5_000_000_000
_PACKET_US = 10_000


def bar_events(start_us: int, height: int, width: int, speed: float, noise: int, seed: int = 0) -> Events:
    """Ten milliseconds of a bar's two edges, rows 1/4 to 3/4 of the sensor, and of noise.

    Args:
        start_us: sensor time.
        height: rows of the sensor.
        width: columns of the sensor.
        speed: of the bar, pixels a second; 0 for a still one, which makes no events.
        noise: events anywhere.
        seed: of the noise.
    """
    rng = np.random.default_rng([seed, start_us])
    rows = np.arange(height // 4, 3 * height // 4)
    left = int(start_us * 1e-6 * speed) % (width - 12)
    x = np.concatenate([np.full(len(rows), left), np.full(len(rows), left + 10)]) if speed else np.empty(0, int)
    y = np.tile(rows, 2) if speed else np.empty(0, int)
    x, y = np.concatenate([x, rng.integers(0, width, noise)]), np.concatenate([y, rng.integers(0, height, noise)])
    times = np.sort(rng.integers(start_us, start_us + _PACKET_US, len(x)))
    order = rng.permutation(len(x))
    return Events(
        times.astype(np.int64),
        x[order].astype(np.uint16),
        y[order].astype(np.uint16),
        rng.integers(0, 2, len(x)).astype(np.uint8),
        width,
        height,
    )


def write_event_bag(
    path: Path, seconds: float, size: tuple[int, int] = (48, 32), speed: float = 40.0, noise: int = 5
) -> Path:
    """A bag with events on `TOPIC`.

    Args:
        path: folder to write.
        seconds: length.
        size: width and height of the sensor.
        speed: of the bar, as in `bar_events`.
        noise: events in ten milliseconds.
    """
    width, height = size
    with BagWriter(path) as bag:
        for seq in range(round(seconds * 1e6 / _PACKET_US)):
            start_us = seq * _PACKET_US
            events = bar_events(start_us, height, width, speed, noise)
            payload, stamp_ns = encode_mono(events, start_us * 1000), START_NS + start_us * 1000
            bag.copy(make_packet(TOPIC, payload, "mono", size, seq, stamp_ns, "events", start_us * 1000))
    return path
