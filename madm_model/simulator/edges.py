# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Edge frames of a simulated drive."""

from __future__ import annotations

import numpy as np

from madm_model.events.edge_config import EdgeConfig
from madm_model.events.edges import EdgeFramer
from madm_model.simulator.events import street_events
from madm_model.simulator.street import StreetSimulator

EVENT_HISTORY_S = 0.1
"""Events before a frame that its edges are drawn from: two and a half times what they fade in."""


def edge_image(simulator: StreetSimulator, time_s: float) -> np.ndarray:
    """The edge frame at one moment of a drive, made of events as a live stream is: uint8 (H, W)."""
    framer = EdgeFramer(simulator.config.height, simulator.config.width, EdgeConfig(window="stamps"))
    for events in street_events(simulator, time_s - EVENT_HISTORY_S, time_s):
        framer.push(events)
    framer.advance(round(time_s * 1e6))
    frames = framer.request(round(time_s * 1e6))
    return frames[0].image if frames else np.zeros((framer.height, framer.width), np.uint8)
