# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the simulator is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TimeOfDay = Literal["day", "dusk", "night", "random"]
Place = Literal["street", "quiet"]


@dataclass(frozen=True)
class SimulatorConfig:
    """Size of the images and the choices a seed does not make.

    Raises:
        ValueError: a value is out of its range.
    """

    width: int = 320
    """Width of the images in pixels, 32 to 4096."""

    height: int = 240
    """Height of the images in pixels, 32 to 4096."""

    time_of_day: TimeOfDay = "random"
    """"day", "dusk" or "night"; "random" lets the seed choose."""

    place: Place = "street"
    """"street"; or "quiet": a way of a park or a campus, where trees close over the road and hardly a vehicle is."""

    sensor_noise: bool = True
    """Adds the noise of the colour and the thermal sensor; without it the signal is smooth, as events need it."""

    close_people: bool = False
    """People stand and walk right before the camera, as where a robot waits at a crossing."""

    def __post_init__(self) -> None:
        for name, size in (("width", self.width), ("height", self.height)):
            if not 32 <= size <= 4096:
                raise ValueError(f"the simulator's {name} must be 32 to 4096 pixels, not {size}")
        if self.place not in ("street", "quiet"):
            raise ValueError(f"place must be 'street' or 'quiet', not {self.place!r}")
        if self.time_of_day not in ("day", "dusk", "night", "random"):
            raise ValueError(f"time_of_day must be 'day', 'dusk', 'night' or 'random', not {self.time_of_day!r}")
