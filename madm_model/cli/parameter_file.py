# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A robot's file of parameters, so that a command prepares frames as the node does; ROS is not needed to read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from madm_model.events.edge_config import EdgeConfig
from madm_model.io.frames import InputError
from madm_model.settings import read_settings


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

    Returns:
        the settings; edge frames in step with images, which are not here, come at their period.

    Raises:
        InputError: it is no such file, or is for another modality.
        ValueError: a setting is unknown or out of its range.
    """
    parameters = _of_modality(path, modality) if path is not None else {}
    values = _group(parameters, "edges")
    values |= {"mode": edge_mode} if edge_mode is not None else {}
    values |= {"period_s": period_s} if period_s is not None else {}
    edges = read_settings(EdgeConfig, values)
    if edges.window == "stamps":
        edges = replace(edges, window="time")
    return FrameSettings(_group(parameters, modality), edges)


def _group(parameters: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in parameters.items() if name.startswith(start)}


def _of_modality(path: Path, modality: str) -> dict[str, Any]:
    """The parameters of all nodes but those of other modalities, by their dotted names; those of later nodes win."""
    nodes = _read(path)
    fitting = [node for node in nodes if node.get("modality", modality) == modality]
    if not fitting:
        meant = nodes[0]["modality"]
        raise InputError(f"{path} is for {meant}: give --modality {meant}, or the parameters for {modality}")
    return {name: value for node in fitting for name, value in node.items()}


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError):
        content = None
    nodes = list(_nodes(content)) if isinstance(content, Mapping) else []
    if not nodes:
        raise InputError(f"{path} is no file of ROS parameters: NODE, in it ros__parameters, and in that the values")
    return nodes


def _nodes(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The parameters of each node; nodes may lie in namespaces."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from [_flat(value)] if name == "ros__parameters" else _nodes(value)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in values.items():
        result |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return result
