# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What an event camera says: many tiny (time, pixel, sign) reports, kept as a struct of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from madm_model.io.frames import InputError

Size = tuple[int, int]
"""Width and height of a sensor, pixels."""


class EventError(InputError):
    """Events that cannot be read or used; the message says what to do."""


@dataclass(frozen=True, eq=False)
class Events:
    """Brightness changes of one sensor in the order of time.

    Events of one chunk never go back in time and never lie outside the sensor:
    `EventStream` and the file readers see to that.
    """

    t_us: np.ndarray
    """int64 (N,): microseconds on the sensor's clock, non-decreasing."""
    x: np.ndarray
    """uint16 (N,): column, 0 <= x < width."""
    y: np.ndarray
    """uint16 (N,): row, 0 <= y < height."""
    p: np.ndarray
    """uint8 (N,): 1 = brighter (on), 0 = darker (off)."""
    width: int
    """Columns of the sensor."""
    height: int
    """Rows of the sensor."""
    restart: bool = False
    """True where the sensor's clock starts anew before this chunk: times do not compare with earlier chunks."""

    def __len__(self) -> int:
        return len(self.t_us)

    def part(self, start: int, stop: int) -> Events:
        """Events `start` to `stop` (exclusive) as views of the same memory; the first part carries `restart`."""
        window = slice(start, stop)
        return Events(
            self.t_us[window],
            self.x[window],
            self.y[window],
            self.p[window],
            self.width,
            self.height,
            self.restart and start == 0,
        )

    def keep(self, mask: np.ndarray) -> Events:
        """The events where `mask`, bool (N,), is true."""
        return Events(self.t_us[mask], self.x[mask], self.y[mask], self.p[mask], self.width, self.height, self.restart)

    def pixel(self) -> np.ndarray:
        """intp (N,): index of each event's pixel in the row-major flattened sensor."""
        index = np.multiply(self.y, self.width, dtype=np.intp)
        index += self.x
        return index


def no_events(width: int, height: int, restart: bool = False) -> Events:
    """A chunk without events."""
    return Events(
        np.empty(0, np.int64),
        np.empty(0, np.uint16),
        np.empty(0, np.uint16),
        np.empty(0, np.uint8),
        width,
        height,
        restart,
    )


def join(chunks: Sequence[Events]) -> Events:
    """Chunks of one sensor in one; a single chunk is returned as it is.

    Raises:
        EventError: no chunk, chunks of different sensors, or a clock that starts anew between them.
    """
    if not chunks:
        raise EventError("no event chunks to join")
    if len(chunks) == 1:
        return chunks[0]
    first = chunks[0]
    if any((c.width, c.height) != (first.width, first.height) for c in chunks):
        raise EventError("chunks of sensors of different sizes cannot be joined")
    if any(c.restart for c in chunks[1:]):
        raise EventError("the sensor clock starts anew between these chunks: keep them apart")
    return Events(
        np.concatenate([c.t_us for c in chunks]),
        np.concatenate([c.x for c in chunks]),
        np.concatenate([c.y for c in chunks]),
        np.concatenate([c.p for c in chunks]),
        first.width,
        first.height,
        first.restart,
    )
