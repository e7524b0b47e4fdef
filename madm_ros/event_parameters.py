"""Parameters of the event frame node: all of them may change while it runs, but for the depth of its queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from madm_model.events.edge_config import MODES, NOISE_FILTERS, WINDOWS, EdgeConfig
from madm_ros.parameters import NodeParameter

PREFIX = "edges."


def _edges(field: str, description: str, **constraints: Any) -> NodeParameter:
    return NodeParameter(PREFIX + field, getattr(EdgeConfig, field), description, live=True, **constraints)


_SECONDS = (1e-4, 60.0)

PARAMETERS = (
    NodeParameter(
        "queue_depth",
        1000,
        "Event messages that DDS keeps while the node is busy; read when the node starts.",
        range=(1, 100_000),
        read_only=True,
    ),
    NodeParameter(
        "max_delay_s",
        0.5,
        "Events that waited longer are dropped, with all behind them, and counted: the node cannot keep up.",
        live=True,
        range=(0.01, 60.0),
    ),
    _edges("mode", "What a frame shows: decay fades the edges exponentially.", choices=MODES),
    _edges(
        "window",
        "When a frame is due: every period_s, every count events, or (stamps) at each image of reference_image.",
        choices=WINDOWS,
    ),
    _edges("period_s", "Seconds from frame to frame in the window time.", range=_SECONDS),
    _edges("count", "Events from frame to frame in the window count.", range=(1, 1_000_000_000)),
    _edges("lookback_s", "Seconds that events wait in the window stamps for images that come late.", range=(0.0, 10.0)),
    _edges(
        "silence_s",
        "Seconds after the last event for which frames still come, fading; then none, and so no labels, until events "
        "come again. A large value wants frames of a camera that says nothing.",
        range=(0.0, 1e6),
    ),
    _edges("decay_s", "Time in which an event fades to 37 % in decay, polarity and time_surface.", range=_SECONDS),
    _edges("memory_s", "Time in which a pixel without events fades in speed_invariant.", range=_SECONDS),
    _edges("radius", "Pixels to each side that speed_invariant compares.", range=(1, 7)),
    _edges("full_scale_events", "Fresh events that draw a pixel white in decay and polarity.", range=(0.1, 1e6)),
    _edges("contrast_s", "Time in which decay and polarity adapt their brightness.", range=_SECONDS),
    _edges("contribution", "Share of white that one event adds in edge_map.", range=(0.0, 1.0)),
    _edges("edge_map_decay", "Share of white that edge_map falls per frame.", range=(0.0, 1.0)),
    _edges("neutral", "Share of white where nothing happens in edge_map.", range=(0.0, 1.0)),
    _edges("ignore_polarity", "Off events add in edge_map, as on events do, instead of subtracting."),
    _edges(
        "noise_filter",
        "Events dropped first: background_activity where no neighbour fired, fast_decay in quiet regions.",
        choices=NOISE_FILTERS,
    ),
    _edges("support_s", "Time within which a neighbour must have fired, for background_activity.", range=_SECONDS),
    _edges("half_life_s", "Half-life of a region's activity, for fast_decay.", range=_SECONDS),
    _edges("region", "Side of a region in pixels, for fast_decay.", range=(1, 256)),
    _edges("activity", "Recent events a region needs, for fast_decay.", range=(0.01, 1e6)),
)


def edge_config(values: Mapping[str, Any]) -> EdgeConfig:
    """The configuration of frames out of the values of all parameters by name.

    Raises:
        ValueError: a value that makes no sense.
    """
    return EdgeConfig(**{field.name: values[PREFIX + field.name] for field in fields(EdgeConfig)})
