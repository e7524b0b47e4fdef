# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One image as it comes from a sensor, and the errors of everything that is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from madm_model.io.raw_message import RawMessage


class InputError(Exception):
    """An input cannot be used; the message says in one sentence why and what to do."""


class FrameError(InputError):
    """An image cannot be used."""


@dataclass(frozen=True)
class RawFrame:
    """One decoded image, before any gain control or normalisation.

    The array may be a read-only view of the message's bytes: copy it before writing into it.
    """

    array: np.ndarray
    """(H, W) or (H, W, 3) in RGB order, native byte order: uint8, uint16 or float32."""
    encoding: str
    """Name of the pixel format in sensor_msgs' terms: mono8, 8UC1, mono16, 16UC1, 32FC1 or rgb8."""
    stamp_ns: int
    """Time of capture (header.stamp) in nanoseconds; 0 where the source has none."""
    frame_id: str
    """Coordinate frame of the sensor (header.frame_id); for an image file its name without the ending."""
    recorded: RawMessage | None = None
    """The bag's message it was decoded from, as it is there; None for live images and files."""

    @property
    def height(self) -> int:
        """Rows in pixels."""
        return self.array.shape[0]

    @property
    def width(self) -> int:
        """Columns in pixels."""
        return self.array.shape[1]
