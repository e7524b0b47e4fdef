# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Parameters of the recorder."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

from rclpy.exceptions import NameValidationException
from rclpy.node import Node
from rclpy.validate_topic_name import validate_topic_name

from madm_model.recorder.config import RecorderConfig
from madm_ros.default_names import default_recordings
from madm_ros.node_parameters import NodeParameter, declare_all, settings_as_parameters

PARAMETERS = (
    NodeParameter("topic", "", "What is recorded: a topic of images, point clouds or events."),
    NodeParameter(
        "folder", "", "Where the segments go, one recorder to a folder; empty: ~/.madm/[NAMESPACE/]recordings/NODE."
    ),
    *(replace(one, live=False) for one in settings_as_parameters(RecorderConfig)),
)
"""All of these are fixed once the node runs."""


@dataclass(frozen=True)
class RecorderSettings:
    """Values of the parameters, checked."""

    topic: str
    """Resolved name of the topic."""
    folder: Path
    """Where the segments go."""
    config: RecorderConfig
    """How much is kept."""


def declare(node: Node) -> RecorderSettings:
    """Declare the parameters and read them.

    Raises:
        ValueError: a value makes no sense.
    """
    values = declare_all(node, [replace(one, read_only=True) for one in PARAMETERS])
    if not values["topic"]:
        raise ValueError("topic is empty: set it to what is to be recorded, such as -p topic:=/camera/image_raw")
    try:
        validate_topic_name(values["topic"])
    except NameValidationException as error:
        raise ValueError(
            f"topic is '{values['topic']}', which is no name of a topic: {' '.join(str(error).split())}"
        ) from None
    folder = values["folder"] or default_recordings(node.get_name(), node.get_namespace())
    config = RecorderConfig(**{field.name: values[field.name] for field in fields(RecorderConfig)})
    topic = node.resolve_topic_name(values["topic"])
    return RecorderSettings(topic, Path(folder).expanduser().absolute(), config)
