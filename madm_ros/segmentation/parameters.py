# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The node's parameters: what each means, what it may be, and when it may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from rclpy.node import Node

from madm_model.class_bias import class_bias_of, parse_class_bias
from madm_model.labels import LabelSet
from madm_model.runtimes.names import RUNTIMES
from madm_model.settings import read_settings
from madm_ros.default_names import TRANSPORT_SUFFIX
from madm_ros.node_parameters import (
    PRECISIONS,
    PREPROCESSING,
    NodeParameter,
    declare_all,
    settings_as_parameters,
)

PARAMETERS = (
    NodeParameter("model", "", "Model folder, or the name of an embedded model; empty: the one of the modality."),
    NodeParameter(
        "store",
        "",
        "Folder of model versions, the adaptation server's: its active version segments, and a new one takes over "
        "between two frames. Empty: the model alone.",
    ),
    NodeParameter(
        "modality",
        "thermal",
        "Which sensor the images come from, and so how they are prepared.",
        choices=("thermal", "depth", "event", "rgb"),
    ),
    NodeParameter("device", "auto", "Where the network runs: auto (a GPU if there is one), cpu, cuda, cuda:1, ..."),
    NodeParameter(
        "precision",
        "auto",
        "Number format of the network: auto is bfloat16 on a GPU that computes it, float16 on older ones, float32 on a "
        "CPU.",
        choices=PRECISIONS,
    ),
    NodeParameter(
        "runtime",
        "auto",
        "What runs the network: torch, compiled (torch.compile), openvino, onnx (ONNX Runtime), or auto: the quickest "
        "of those that are installed, measured once and remembered.",
        choices=RUNTIMES,
    ),
    NodeParameter(
        "transport",
        "raw",
        "How images come: raw on image, the others on image/TRANSPORT; ffmpeg, theora and zstd through "
        "image_transport_py where that is installed.",
        choices=tuple(TRANSPORT_SUFFIX),
    ),
    NodeParameter("autostart", True, "Configure and activate when the node starts.", read_only=True),
    NodeParameter(
        "bond_heartbeat_period",
        0.25,
        "Seconds between two heartbeats to nav2's lifecycle manager, while active and autostart is false; 0: no bond.",
        range=(0.0, 60.0),
    ),
    NodeParameter(
        "confidence_threshold",
        0.0,
        "Pixels whose class has a smaller probability become 255, unlabelled.",
        live=True,
        range=(0.0, 1.0),
    ),
    NodeParameter(
        "class_bias",
        [""],
        "Classes that are to be found more often, and more often in error, or less of both: each as CLASS=NATS, such "
        "as person=0.5, which is added to its score before the best class is chosen.",
        live=True,
    ),
    NodeParameter(
        "overlay_opacity",
        0.5,
        "Weight of the class colour in the overlay: 0 shows the image, 1 the classes.",
        live=True,
        range=(0.0, 1.0),
    ),
    NodeParameter(
        "max_fps",
        0.0,
        "Frames a second that are segmented at most; the others are left out before they cost anything. 0: no limit.",
        live=True,
        range=(0.0, 1000.0),
    ),
    NodeParameter(
        "shift_window_s",
        60.0,
        "Seconds over which it is told how far frames are from what the model knows, in ~/shift and diagnostics.",
        live=True,
        range=(1.0, 3600.0),
    ),
    NodeParameter(
        "lazy",
        False,
        "Segment only while someone subscribes to labels, labels_color, confidence, overlay or points.",
        live=True,
    ),
    *(
        parameter
        for modality, config in PREPROCESSING.items()
        for parameter in settings_as_parameters(config, modality)
    ),
)


def declare(node: Node) -> None:
    """Declare all parameters of the segmentation node.

    Raises:
        rclpy.exceptions.ParameterException: a value given at start has the wrong type or is out of range.
        ValueError: it makes no sense.
    """
    values = declare_all(node, PARAMETERS)
    if reason := refusal(values, values, configured=False):
        raise ValueError(reason)


def preprocessing_settings(modality: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a modality, by field name, out of the values of all parameters."""
    if modality not in PREPROCESSING:
        return {}
    return {field.name: values[f"{modality}.{field.name}"] for field in fields(PREPROCESSING[modality])}


def class_bias(values: Mapping[str, Any], label_set: LabelSet) -> np.ndarray | None:
    """What class_bias adds to the scores of a model of these classes, float32 (K,), or None.

    Raises:
        ValueError: the model has no such class.
    """
    try:
        return class_bias_of(values["class_bias"], label_set)
    except ValueError as error:
        raise ValueError(f"class_bias: {error}") from None


def refusal(
    present: Mapping[str, Any], changes: Mapping[str, Any], configured: bool, label_set: LabelSet | None = None
) -> str:
    """Why parameters may not change, or an empty text if they may.

    Args:
        present: all values by name.
        changes: the new values; names that the node does not declare (use_sim_time) are not judged.
        configured: a model is loaded, so only live parameters may change.
        label_set: the classes of that model.
    """
    for parameter in PARAMETERS:
        if parameter.name not in changes:
            continue
        if configured and not parameter.live:
            return f"{parameter.name} is fixed while a model is loaded: deactivate and clean up the node first"
        if reason := parameter.refusal(changes[parameter.name]):
            return reason
    try:
        if label_set is not None:
            class_bias({**present, **changes}, label_set)
        parse_class_bias({**present, **changes}.get("class_bias", ()))
    except ValueError as error:
        return f"class_bias: {str(error).removeprefix('class_bias: ')}"
    for modality, config in PREPROCESSING.items():
        try:
            read_settings(config, preprocessing_settings(modality, {**present, **changes}))
        except ValueError as error:
            return f"{modality}: {error}"
    return ""
