# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Writes docs/parameters.md out of what the nodes declare:

python -m madm_ros.tools.parameter_tables > docs/parameters.md
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from madm_model.settings import describe
from madm_ros.adapt import parameters as adapt_parameters
from madm_ros.clouds import parameters as cloud_parameters
from madm_ros.events import parameters as event_parameters
from madm_ros.node_parameters import PREPROCESSING, NodeParameter, settings_as_parameters
from madm_ros.recorder import parameters as recorder_parameters
from madm_ros.robot.config import AdaptConfig, CameraConfig, RobotConfig
from madm_ros.segmentation import parameters as segmentation_parameters

_INTRODUCTION = """# Parameters

Every parameter of the nodes, with its text as `ros2 param describe` shows it. This file is written by
`python -m madm_ros.tools.parameter_tables`. "Live" ones may change while the node works; the others are fixed while a
model is loaded (segmentation), or once the node runs.
"""


_ROBOT = """## A robot's file

What [config/robot.yaml](../config/robot.yaml) may have, for `robot.launch.py` and `cameras`; `record` has the
recorder's parameters but for `topic` and `folder`.
"""
_OWNERS = {RobotConfig: "the file", CameraConfig: "one of `cameras`", AdaptConfig: "`adapt`"}


def node_parameters() -> dict[str, Sequence[NodeParameter]]:
    """Heading to the parameters that a node of this kind can declare."""
    preprocessing = [one for modality, kind in PREPROCESSING.items() for one in settings_as_parameters(kind, modality)]
    edges = [one for one in event_parameters.PARAMETERS if one.name.startswith(event_parameters.PREFIX)]
    fixed = [replace(one, live=False) for one in (*adapt_parameters.PARAMETERS, *preprocessing, *edges)]
    return {
        "Segmentation node": segmentation_parameters.PARAMETERS,
        "Event frame node": event_parameters.PARAMETERS,
        "Adaptation server": fixed,
        "Recorder": recorder_parameters.PARAMETERS,
        "Cloud label node": cloud_parameters.PARAMETERS,
    }


def document() -> str:
    """The whole file."""
    parts = [f"## {heading}\n\n{table(parameters)}" for heading, parameters in node_parameters().items()]
    return "\n".join([_INTRODUCTION, *parts, _ROBOT, *map(field_table, (RobotConfig, CameraConfig, AdaptConfig))])


def table(parameters: Iterable[NodeParameter]) -> str:
    """One row for each parameter."""
    rows = ["| parameter | default | allowed | live | |", "| --- | --- | --- | --- | --- |"]
    for one in parameters:
        cells = (f"`{one.name}`", _default(one.default), _allowed(one), "yes" if one.live else "", one.description)
        rows.append("| " + " | ".join(cells).replace("|  |", "| |") + " |")
    return "\n".join(rows).replace("|  |", "| |") + "\n"


def field_table(kind: type) -> str:
    """One row for each field of a settings class."""
    rows = [f"| field of {_OWNERS[kind]} | default | allowed | |", "| --- | --- | --- | --- |"]
    for one in describe(kind):
        default = _default(one.default) if isinstance(one.default, str) else ""
        allowed = ", ".join(f"`{choice}`" for choice in one.choices)
        rows.append(f"| `{one.name}` | {default} | {allowed} | {one.text} |")
    rows = [row.replace("|  |", "| |").replace("|  |", "| |") for row in rows]
    return "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    if value in ("", [""]):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list):
        return ", ".join(f"`{one}`" for one in value)
    if isinstance(value, str):
        return f"`{value}`"
    text = f"{value:.6g}"
    # ROS takes no whole number for a double: the default shows how one is written.
    return f"{text}.0" if isinstance(value, float) and text.lstrip("-").isdigit() else text


def _allowed(parameter: NodeParameter) -> str:
    if parameter.choices:
        return ", ".join(f"`{choice}`" for choice in parameter.choices)
    if parameter.range is None:
        return ""
    low, high = parameter.range
    return f"{low:.10g} to {high:.10g}"


if __name__ == "__main__":
    print(document(), end="")
