"""How edge frames are made from events."""

from __future__ import annotations

import math
from dataclasses import dataclass

MODES = ("decay", "edge_map", "polarity", "time_surface", "speed_invariant")
WINDOWS = ("time", "count", "stamps")
NOISE_FILTERS = ("none", "background_activity", "fast_decay")


@dataclass(frozen=True)
class EdgeConfig:
    """Window, accumulation and noise filter of edge frames; checked when it is made.

    The paper (section 4.2) feeds events "into the edge form in a recurrent manner", and the authors published only
    finished images: the modes and their defaults are our own choice.

    Raises:
        ValueError: an unknown name, or a value out of its range.
    """

    mode: str = "decay"
    """What a frame shows: decay, edge_map, polarity, time_surface or speed_invariant."""
    window: str = "time"
    """When a frame is due: every `period_s` (time), every `count` events (count), or when asked for (stamps)."""
    period_s: float = 1 / 30
    """Seconds of sensor time from frame to frame in the window time."""
    count: int = 30_000
    """Events from frame to frame in the window count."""
    lookback_s: float = 0.1
    """Seconds that events wait in the window stamps, so that a stamp that arrives this late still gets its frame."""
    silence_s: float = 1.0
    """Seconds after the last event for which frames still come, fading; then none until events come again."""
    decay_s: float = 0.04
    """Time constant in which an event fades to 37 % in decay, polarity and time_surface."""
    memory_s: float = 0.4
    """Time constant in which a pixel without events fades in speed_invariant, long against the motion."""
    radius: int = 3
    """Pixels to each side among which speed_invariant ranks a pixel's last event."""
    full_scale_events: float = 2.0
    """Fresh events that draw a pixel of decay or polarity white at the least, so that lone noise events stay dim."""
    contrast_s: float = 1.0
    """Time constant in which decay and polarity adapt their brightness to the rate of events."""
    contribution: float = 0.25
    """Share of the full scale that one event adds in edge_map."""
    edge_map_decay: float = 0.25
    """Share of the full scale that edge_map falls towards neutral per frame; 1 starts each frame afresh."""
    neutral: float = 0.0
    """Share of the full scale that edge_map shows where nothing happens."""
    ignore_polarity: bool = True
    """Whether off events add in edge_map, as on events do, instead of subtracting."""
    noise_filter: str = "none"
    """Which events are dropped first: none, background_activity (no neighbour fired) or fast_decay (quiet region)."""
    support_s: float = 0.002
    """Time within which one of the eight neighbours must have fired, for background_activity."""
    half_life_s: float = 0.01
    """Half-life of a region's activity, for fast_decay."""
    region: int = 4
    """Side of a region in pixels, for fast_decay."""
    activity: float = 6.0
    """Recent events a region needs so that its events are kept, for fast_decay."""

    def __post_init__(self) -> None:
        for name, known in (("mode", MODES), ("window", WINDOWS), ("noise_filter", NOISE_FILTERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is '{getattr(self, name)}': use {', '.join(known)}")
        positive = ("period_s", "decay_s", "memory_s", "full_scale_events", "contrast_s", "support_s", "half_life_s")
        for name in (*positive, "count", "region", "activity"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"{name} is {getattr(self, name)}: it has to be above 0")
        for name in ("contribution", "edge_map_decay", "neutral"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it has to be from 0 to 1")
        for name in ("lookback_s", "silence_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name} is {getattr(self, name)}: it has to be 0 or above")
        if not 1 <= self.radius <= 7:
            raise ValueError(f"radius is {self.radius}: it has to be from 1 to 7")
