# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Parameters of the event frame node: all of them may change while it runs, but for the depth of its queue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from madm_model.events.edge_config import EdgeConfig
from madm_ros.node_parameters import NodeParameter, settings_as_parameters

PREFIX = "edges."


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
    *settings_as_parameters(EdgeConfig, "edges"),
)


def edge_config(values: Mapping[str, Any]) -> EdgeConfig:
    """The configuration of frames out of the values of all parameters by name.

    Raises:
        ValueError: a value that makes no sense.
    """
    return EdgeConfig(**{field.name: values[PREFIX + field.name] for field in fields(EdgeConfig)})
