"""A robot's file of parameters, so that a command prepares frames as the node does; ROS is not needed to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from madm_model.events.edge_config import MODES, EdgeConfig
from madm_model.io.frames import InputError
from madm_model.modalities import read_settings

PARAMS_HELP = "Parameters of the robot's node, such as config/thermal.yaml: frames are prepared as there."
EDGE_MODE_HELP = f"Edge frames of events: {', '.join(MODES)}; default: as in --params, or {EdgeConfig.mode}."
PERIOD_HELP = f"Seconds from edge frame to edge frame; default: as in --params, or {EdgeConfig.period_s:.4f}."


@dataclass(frozen=True)
class FrameSettings:
    """How frames become network images."""

    preprocessing: Mapping[str, Any]
    """Values for fields of the modality's configuration."""
    edges: EdgeConfig
    """How frames are made of events."""


def read_frame_settings(
    path: Path | None, modality: str, edge_mode: str | None = None, period_s: float | None = None
) -> FrameSettings:
    """The settings of a modality in a file of ROS parameters, whichever nodes it names.

    Args:
        path: the file; None for the defaults.
        modality: thermal, depth, rgb or event.
        edge_mode: in place of the file's.
        period_s: in place of the file's, seconds from edge frame to edge frame.

    Raises:
        InputError: it is no such file, or is for another modality.
        ValueError: a setting is unknown or out of its range.
    """
    parameters = _read(path) if path is not None else {}
    meant = parameters.get("modality", modality)
    if meant != modality:
        raise InputError(f"{path} is for {meant}: give --modality {meant}, or the parameters for {modality}")
    edges = _group(parameters, "edges")
    edges |= {"mode": edge_mode} if edge_mode is not None else {}
    edges |= {"period_s": period_s} if period_s is not None else {}
    return FrameSettings(_group(parameters, modality), read_settings(EdgeConfig, edges))


def _group(parameters: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in parameters.items() if name.startswith(start)}


def _read(path: Path) -> dict[str, Any]:
    """All parameters by their dotted names; those of later nodes win."""
    try:
        nodes = yaml.safe_load(path.read_text(encoding="utf-8"))
        parameters: dict[str, Any] = {}
        for node in nodes.values():
            parameters |= _flat(node["ros__parameters"])
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, KeyError, TypeError):
        raise InputError(
            f"{path} is no file of ROS parameters: NODE, in it ros__parameters, and in that the values"
        ) from None
    return parameters


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in values.items():
        result |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return result
