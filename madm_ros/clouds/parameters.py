# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Parameters of the cloud label node: what hides what may change while it runs, the rest is fixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from rclpy.node import Node

from madm_model.geometry.occlusion import OcclusionConfig
from madm_ros.clouds.config import CloudLabelConfig
from madm_ros.node_parameters import declare_all, settings_as_parameters

_OCCLUSION = "occlusion"

PARAMETERS = (
    *(replace(one, live=False, read_only=True) for one in settings_as_parameters(CloudLabelConfig)),
    *settings_as_parameters(OcclusionConfig, _OCCLUSION),
)


def declare(node: Node) -> tuple[CloudLabelConfig, OcclusionConfig]:
    """Declare the parameters and read them.

    Raises:
        rclpy.exceptions.ParameterException: a value has the wrong type or is out of its range.
        ValueError: it makes no sense.
    """
    values = declare_all(node, PARAMETERS)
    config = CloudLabelConfig(**{field.name: values[field.name] for field in fields(CloudLabelConfig)})
    return config, occlusion_config(values)


def occlusion_config(values: Mapping[str, Any]) -> OcclusionConfig:
    """What hides what, out of the values of all parameters by name.

    Raises:
        ValueError: a value that makes no sense.
    """
    return OcclusionConfig(**{field.name: values[f"{_OCCLUSION}.{field.name}"] for field in fields(OcclusionConfig)})
