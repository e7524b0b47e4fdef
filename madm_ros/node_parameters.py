# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the parameters of all nodes have in common: how one is described and declared, and those that several have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from madm_model.modalities import DepthConfig, EventConfig, ThermalConfig
from madm_model.settings import describe

PRECISIONS = ("auto", "float32", "float16", "bfloat16")
"""Number formats of the network."""

PREPROCESSING = {"thermal": ThermalConfig, "depth": DepthConfig, "event": EventConfig}
"""Modalities with settings; a field is the parameter `MODALITY.FIELD`."""


@dataclass(frozen=True)
class NodeParameter:
    """One declared parameter."""

    name: str
    """As in `ros2 param list`."""
    default: Any
    """Its type is the parameter's type."""
    description: str
    """Shown by `ros2 param describe`."""
    live: bool = False
    """May change while frames flow; others only while the node is unconfigured."""
    range: tuple[float, float] | None = None
    """Smallest and largest number allowed."""
    choices: tuple[str, ...] = ()
    """Words allowed."""
    read_only: bool = False
    """Fixed when the node starts."""

    def descriptor(self) -> ParameterDescriptor:
        """The description rclpy keeps; it enforces range and read_only by itself."""
        descriptor = ParameterDescriptor(description=self.description, read_only=self.read_only)
        if self.choices:
            descriptor.additional_constraints = f"one of {', '.join(self.choices)}"
        if self.range and isinstance(self.default, int):
            descriptor.integer_range = [
                IntegerRange(from_value=int(self.range[0]), to_value=int(self.range[1]), step=1)
            ]
        elif self.range:
            descriptor.floating_point_range = [FloatingPointRange(from_value=self.range[0], to_value=self.range[1])]
        return descriptor

    def refusal(self, value: Any) -> str:
        """Why it cannot have that value, where it is a word that is not among the choices; else empty."""
        if not self.choices or value in self.choices:
            return ""
        return f"{self.name} is '{value}': it has to be one of {', '.join(self.choices)}"


def settings_as_parameters(config: type, prefix: str = "") -> list[NodeParameter]:
    """The fields of a settings class as live parameters, each `PREFIX.FIELD`, with the field's text and range."""
    return [
        NodeParameter(
            f"{prefix}.{setting.name}" if prefix else setting.name,
            list(setting.default) if isinstance(setting.default, tuple) else setting.default,
            setting.text,
            live=True,
            range=None if setting.low is None else (setting.low, setting.high),
            choices=setting.choices,
        )
        for setting in describe(config)
    ]


def declare_all(node: Node, known: Sequence[NodeParameter]) -> dict[str, Any]:
    """Declare parameters and give their values by name; whole numbers are taken for floats, then and later.

    Raises:
        rclpy.exceptions.ParameterException: a value given at start has the wrong type or is out of range.
    """
    values = {
        parameter.name: declare_one(node, parameter.name, parameter.default, parameter.descriptor())
        for parameter in known
    }
    floats = {parameter.name for parameter in known if isinstance(parameter.default, float)}

    def to_floats(changes: list[Parameter]) -> list[Parameter]:
        return [
            Parameter(change.name, value=float(change.value))
            if change.name in floats and change.type_ == Parameter.Type.INTEGER
            else change
            for change in changes
        ]

    if hasattr(node, "add_pre_set_parameters_callback"):  # Humble has none, and refuses them once the node runs
        node.add_pre_set_parameters_callback(to_floats)
    return values


def declare_one(node: Node, name: str, default: Any, descriptor: ParameterDescriptor) -> Any:
    """Declare a parameter and give its value; a whole number is taken where the default is a float.

    YAML and the command line write 1 for 1.0, which ROS takes for another type.

    Raises:
        rclpy.exceptions.ParameterException: the value given at start has the wrong type or is out of range.
    """
    if isinstance(default, float):
        # What was given shows only once it is declared, with any type first.
        given = node.declare_parameter(name, default, ParameterDescriptor(dynamic_typing=True)).value
        node.undeclare_parameter(name)
        if type(given) is int:
            return node.declare_parameter(name, float(given), descriptor, ignore_override=True).value
    return node.declare_parameter(name, default, descriptor).value
