# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""How edge frames are made from events."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from madm_model.settings import settings

Mode = Literal["decay", "edge_map", "polarity", "time_surface", "speed_invariant"]
Window = Literal["time", "count", "stamps"]
NoiseFilter = Literal["none", "background_activity", "fast_decay"]
MODES, WINDOWS, NOISE_FILTERS = get_args(Mode), get_args(Window), get_args(NoiseFilter)

_Seconds = Annotated[float, Field(ge=1e-4, le=60)]
_Share = Annotated[float, Field(ge=0, le=1)]


@settings
class EdgeConfig:
    """Window, accumulation and noise filter of edge frames; checked when it is made.

    The paper (section 4.2) feeds events "into the edge form in a recurrent manner", and the authors published only
    finished images: the modes and their defaults are our own choice.

    Raises:
        ValueError: an unknown name, or a value out of its range.
    """

    mode: Mode = "decay"
    """What a frame shows: decay, edge_map, polarity, time_surface or speed_invariant."""
    window: Window = "time"
    """When a frame is due: every `period_s` (time), every `count` events (count), or when asked for (stamps)."""
    period_s: _Seconds = 1 / 30
    """Seconds of sensor time from frame to frame in the window time."""
    count: Annotated[int, Field(ge=1, le=1_000_000_000)] = 30_000
    """Events from frame to frame in the window count."""
    lookback_s: Annotated[float, Field(ge=0, le=10)] = 0.1
    """Seconds that events wait in the window stamps, so that a stamp that arrives this late still gets its frame."""
    silence_s: Annotated[float, Field(ge=0, le=1e6)] = 1.0
    """Seconds after the last event for which frames still come, fading; then none, and so no labels, until events come
    again. A large value wants frames of a camera that says nothing."""
    decay_s: _Seconds = 0.04
    """Time constant in which an event fades to 37 % in decay, polarity and time_surface."""
    memory_s: Annotated[float, Field(ge=1e-4, le=1e6)] = 0.4
    """Time constant in which a pixel without events fades in speed_invariant, long against the motion."""
    radius: Annotated[int, Field(ge=1, le=7)] = 3
    """Pixels to each side among which speed_invariant ranks a pixel's last event."""
    full_scale_events: Annotated[float, Field(ge=0.1, le=1e6)] = 2.0
    """Fresh events that draw a pixel of decay or polarity white at the least, so that lone noise events stay dim."""
    contrast_s: _Seconds = 1.0
    """Time constant in which decay and polarity adapt their brightness to the rate of events."""
    contribution: _Share = 0.25
    """Share of the full scale that one event adds in edge_map."""
    edge_map_decay: _Share = 0.25
    """Share of the full scale that edge_map falls towards neutral per frame; 1 starts each frame afresh."""
    neutral: _Share = 0.0
    """Share of the full scale that edge_map shows where nothing happens."""
    ignore_polarity: bool = True
    """Whether off events add in edge_map, as on events do, instead of subtracting."""
    noise_filter: NoiseFilter = "none"
    """Which events are dropped first: none, background_activity (no neighbour fired) or fast_decay (quiet region)."""
    support_s: _Seconds = 0.002
    """Time within which one of the eight neighbours must have fired, for background_activity."""
    half_life_s: _Seconds = 0.01
    """Half-life of a region's activity, for fast_decay."""
    region: Annotated[int, Field(ge=1, le=256)] = 4
    """Side of a region in pixels, for fast_decay."""
    activity: Annotated[float, Field(ge=0.01, le=1e6)] = 6.0
    """Recent events a region needs so that its events are kept, for fast_decay."""
