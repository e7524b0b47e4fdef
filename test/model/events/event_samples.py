# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Hand-made byte streams, packets and the recordings beside the repository that the event tests share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from madm_model.events.container import Events

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"

Y, X, BASE, VECT12, VECT8, LOW, HIGH, TRIGGER = 0x0, 0x2, 0x3, 0x4, 0x5, 0x6, 0x8, 0xA
"""Word types of EVT3."""
ON = 1 << 11


def recording(*parts: str) -> Path:
    """A file of the recordings beside the repository; skips the test where they are missing."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the recording shared/data/{'/'.join(parts)} is not beside this checkout")
    return path


def words(*pairs: tuple[int, int]) -> np.ndarray:
    """16-bit words of (type, value) as payload bytes."""
    return np.array([kind << 12 | value for kind, value in pairs], "<u2").view(np.uint8)


@dataclass
class Packet:
    """An EventPacket without ROS."""

    events: np.ndarray
    seq: int = 0
    encoding: str = "evt3"
    width: int = 640
    height: int = 480
    time_base: int = 0
    is_bigendian: bool = False
    stamp_ns: int = 0
    header: SimpleNamespace = field(init=False)

    def __post_init__(self) -> None:
        sec, nanosec = divmod(self.stamp_ns, 1_000_000_000)
        self.header = SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id="event_camera")


def random_events(count: int, width: int, height: int, duration_us: int, seed: int = 0, start_us: int = 0) -> Events:
    """Events all over the sensor, ordered in time."""
    rng = np.random.default_rng(seed)
    return Events(
        np.sort(rng.integers(start_us, start_us + duration_us, count)).astype(np.int64),
        rng.integers(0, width, count).astype(np.uint16),
        rng.integers(0, height, count).astype(np.uint16),
        rng.integers(0, 2, count).astype(np.uint8),
        width,
        height,
    )


def events_at(rows: list[tuple[int, int, int, int]], width: int, height: int) -> Events:
    """Events of (t_us, x, y, p)."""
    table = np.array(rows, np.int64).reshape(-1, 4)
    columns = (table[:, 1].astype(np.uint16), table[:, 2].astype(np.uint16), table[:, 3].astype(np.uint8))
    return Events(table[:, 0], *columns, width, height)
