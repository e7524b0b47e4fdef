# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What a robot's file is checked for beyond its fields; each refusal is a ValueError of one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rclpy.exceptions import InvalidNamespaceException, InvalidNodeNameException, InvalidTopicNameException
from rclpy.validate_namespace import validate_namespace
from rclpy.validate_node_name import validate_node_name
from rclpy.validate_topic_name import validate_topic_name

from madm_ros.adapt.parameters import PARAMETERS as SERVER_PARAMETERS
from madm_ros.events.parameters import PARAMETERS as EDGE_PARAMETERS
from madm_ros.events.parameters import PREFIX as EDGE_PREFIX
from madm_ros.events.parameters import edge_config
from madm_ros.node_parameters import NodeParameter
from madm_ros.segmentation import parameters as segmentation

_FIELDS = ("modality", "model", "store")
"""Parameters that are fields of a camera."""
_OF_EVERY_NODE = "use_sim_time"
_QOS = "qos_overrides."
"""Begins the names of parameters that depend on the topics."""
_DEFAULTS = {parameter.name: parameter.default for parameter in (*segmentation.PARAMETERS, *EDGE_PARAMETERS)}
"""Of all parameters of a camera's nodes."""


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters by their dotted names."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        result |= flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return result


def require_node_name(name: str) -> None:
    """Refuse what cannot be a node's name."""
    _valid(validate_node_name, name, f"camera name '{name}'")


def require_topic_name(camera: str, topic: str) -> None:
    """Refuse what cannot be a topic."""
    _valid(validate_topic_name, topic, f"{camera}: topic '{topic}'")


def require_namespace(namespace: str) -> None:
    """Refuse what cannot be a namespace; the slash before it may be left out."""
    _valid(validate_namespace, f"/{namespace.strip('/')}", f"namespace '{namespace}'")


def require_different(names: Sequence[str], what: str) -> None:
    """Refuse nodes of one name, or servers of one namespace; an event camera has two nodes."""
    if doubled := next((name for number, name in enumerate(names) if name in names[:number]), None):
        raise ValueError(f"there would be two {what}s '{doubled}': give one of the cameras another name")


def require_known_parameters(where: str, values: Mapping[str, Any], with_edges: bool) -> None:
    """Refuse what the nodes of a camera do not know, or of another type.

    Args:
        where: whose they are.
        values: parameters by their dotted names.
        with_edges: those of the event frame node are known, too.
    """
    _require_known(where, [*segmentation.PARAMETERS, *(EDGE_PARAMETERS if with_edges else ())], values)


def require_server_parameters(values: Mapping[str, Any]) -> None:
    """Refuse what an adaptation server does not know; those of frames are the cameras'."""
    _require_known("adapt", SERVER_PARAMETERS, values)


def require_sensible(camera: str, values: Mapping[str, Any]) -> None:
    """Refuse parameters that do not go together; arguments as of `require_known_parameters`."""
    if reason := segmentation.refusal(_DEFAULTS, values, configured=False):
        raise ValueError(f"{camera}: {reason}")
    try:
        edge_config({**_DEFAULTS, **values})
    except ValueError as error:
        raise ValueError(f"{camera}: edges: {error}") from None


def require_alike(store: Path, cameras: Mapping[str, Mapping[str, Any]], has_server: bool) -> None:
    """Refuse cameras of one store that differ in what its versions are for, or in how frames are prepared.

    Args:
        store: its folder.
        cameras: those that follow it: name to parameters by their dotted names, the fields modality and model too.
        has_server: an adaptation server prepares the recordings of all of them, in one way.
    """
    (first, wanted), *others = ((name, _DEFAULTS | values) for name, values in cameras.items())
    prefixes = (f"{wanted['modality']}.", *((EDGE_PREFIX,) if wanted["modality"] == "event" else ()))
    prepares = [name for name in wanted if has_server and name.startswith(prefixes)]
    for other, values in others:
        if differs := next((name for name in ("modality", "model", *prepares) if values[name] != wanted[name]), None):
            raise ValueError(
                f"{first} and {other} follow one store, {store}, and differ in their {differs}: "
                "give one of them a store of its own"
            )


def _require_known(where: str, parameters: Sequence[NodeParameter], values: Mapping[str, Any]) -> None:
    known = {parameter.name: parameter for parameter in parameters}
    for name, value in values.items():
        if name == _OF_EVERY_NODE or name.startswith(_QOS):
            continue
        if name in _FIELDS:
            raise ValueError(f"{where}: {name} has no place among the parameters: it is a field of each camera")
        if name not in known:
            close = get_close_matches(name, known, 1)
            meant = f"do you mean {close[0]}?" if close else "docs/parameters.md has those that there are"
            raise ValueError(f"{where}: unknown parameter '{name}': {meant}")
        if reason := _refusal(known[name], value):
            raise ValueError(f"{where}: {name} is {value!r}: it has to be {reason}")


def _refusal(parameter: NodeParameter, value: Any) -> str:
    """What a value has to be, where it is of another type or out of range; else empty."""
    kind = type(parameter.default)
    if not (type(value) is kind or (kind is float and type(value) is int)):
        return {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}.get(kind, "a list")
    if parameter.range and not parameter.range[0] <= value <= parameter.range[1]:
        return f"from {parameter.range[0]:g} to {parameter.range[1]:g}"
    return f"one of {', '.join(parameter.choices)}" if parameter.refusal(value) else ""


def _valid(validate: Callable[[str], object], text: str, what: str) -> None:
    try:
        validate(text)
    except (InvalidNodeNameException, InvalidTopicNameException, InvalidNamespaceException) as error:
        raise ValueError(f"{what}: {' '.join(str(error).split())}") from None
