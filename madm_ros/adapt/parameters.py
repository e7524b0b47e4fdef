# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Parameters of the adaptation server."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rclpy.node import Node

from madm_model.adaptation.data.source_shares import parse_sources
from madm_model.checkpoint.model_names import embedded_model
from madm_model.events.edge_config import EdgeConfig
from madm_model.jobs.gate import GateConfig
from madm_model.modalities import make_preprocessor
from madm_model.runtimes.names import RUNTIMES
from madm_ros.adapt.on_shift import OnShiftConfig
from madm_ros.default_names import ADAPTED_MODALITIES, default_recordings, default_store
from madm_ros.events import parameters as event_parameters
from madm_ros.node_parameters import (
    PRECISIONS,
    PREPROCESSING,
    NodeParameter,
    declare_all,
    settings_as_parameters,
)

PARAMETERS = (
    NodeParameter(
        "model", "", "Base of the store: model folder, or an embedded model; empty: the one of the modality."
    ),
    NodeParameter(
        "modality",
        "thermal",
        f"The sensor that is adapted to: {', '.join(ADAPTED_MODALITIES)}.",
        choices=ADAPTED_MODALITIES,
    ),
    NodeParameter(
        "store", "", "Folder of the model versions; empty: ~/.madm/[NAMESPACE/]MODALITY. The segmentation node's too."
    ),
    NodeParameter("bag_roots", [""], "Folders that recordings and sources may lie in; none: every job is refused."),
    NodeParameter(
        "keep",
        5,
        "Versions kept, the newest; the base, the active one and the one before it stay in any case.",
        range=(1, 1000),
    ),
    NodeParameter("device", "auto", "Where jobs train: auto (a GPU if there is one), cpu, cuda, ..."),
    NodeParameter(
        "precision",
        "auto",
        f"Number format of the segmentation node, which the gate judges in: {', '.join(PRECISIONS)}.",
        choices=PRECISIONS,
    ),
    NodeParameter(
        "runtime",
        "auto",
        f"What runs the network of the segmentation node, which the gate judges in: {', '.join(RUNTIMES)}.",
        choices=RUNTIMES,
    ),
    NodeParameter("cancel_grace_s", 10.0, "Seconds a canceled job has to end; then it is killed.", range=(0.1, 3600.0)),
    NodeParameter("niceness", 10, "Added to a job's niceness; 19 is the lowest priority.", range=(0, 19)),
    NodeParameter("threads", 0, "CPU threads of a job; 0: half of the cores.", range=(0, 1024)),
    NodeParameter("gpu_memory_share", 1.0, "Share of the GPU's memory a job may take.", range=(0.01, 1.0)),
    NodeParameter("max_days", 7.0, "A job that would train for longer is refused, days.", range=(0.001, 365.0)),
    NodeParameter(
        "student",
        "",
        "Small network that learns from the adapted model and runs in its place, where a request names none: swiftnet, "
        "segformer-b0, segformer-b2, segformer-b5 or a student's model folder; none: no student; empty: one of the "
        "sizes of the student that runs, none where none runs.",
    ),
    NodeParameter(
        "source",
        "",
        "Labelled sources of jobs whose request names none: folders with images/ and labels/, sim, sim-sensor or "
        "replay, separated by colons, each with =SHARE or without; empty: replay and sim-sensor.",
    ),
    NodeParameter(
        "labelled_target",
        "",
        "Folder of a few labelled frames of the sensor, images/ and labels/: the last third by name, at least three, "
        "is what the gate decides by first, the others are trained on; fewer than six are all the gate's. Empty: "
        "those that a request names as an option, if any.",
    ),
    NodeParameter("auto_activate", True, "A version that passes the gate becomes active; false: it is only kept."),
    *settings_as_parameters(GateConfig, "gate"),
    *settings_as_parameters(OnShiftConfig, "on_shift"),
)
"""Beside those of the modality's frames; all of these are fixed once the node runs."""


@dataclass(frozen=True)
class AdaptSettings:
    """Values of the parameters, checked."""

    store: Path
    """Folder of the version store, which the segmentation node follows."""
    model: str
    """The base: model folder, or the name of an embedded model."""
    modality: str
    """The modality that is adapted to."""
    bag_roots: tuple[Path, ...]
    """Folders that recordings and sources may lie in."""
    keep: int
    """Versions the store keeps."""
    device: str
    """Where jobs train."""
    precision: str
    """Number format that the segmentation node runs in, which the gate judges in."""
    runtime: str
    """What runs the network there, which the gate judges in."""
    cancel_grace_s: float
    """Seconds a canceled job has to end by itself."""
    niceness: int
    """Added to a job's niceness."""
    threads: int
    """CPU threads of a job."""
    gpu_memory_share: float
    """Share of the GPU's memory a job may take."""
    preprocessing: Mapping[str, Any]
    """Settings of the modality, as of the segmentation node."""
    max_days: float
    """Days of training from which on a job is refused."""
    student: str
    """Student that jobs make whose request names none; empty for none."""
    source: str
    """Labelled sources of jobs whose request names none, as `parse_sources` reads them."""
    labelled_target: str
    """Folder of labelled frames of the sensor; empty for none."""
    auto_activate: bool
    """Whether a version that passes the gate becomes the active one, where the request wants it, too."""
    gate: Mapping[str, Any]
    """What a new version has to reach, fields of GateConfig; requests cannot change it."""
    on_shift: OnShiftConfig
    """What is done when input stays unlike what the model knows."""
    recordings: tuple[Path, ...]
    """Folders that a job is then made of."""
    edges: Mapping[str, Any]
    """How frames are made of events, as of the event frame node; empty for other modalities."""

    def job_fields(self, base: Path) -> dict[str, Any]:
        """Arguments of `to_request` that are the node's to decide."""
        return {
            "edges": self.edges,
            "base": str(base),
            "keep": self.keep,
            "device": self.device,
            "precision": self.precision,
            "runtime": self.runtime,
            "gpu_memory_share": self.gpu_memory_share,
            "niceness": self.niceness,
            "threads": self.threads,
            "bag_roots": tuple(map(str, self.bag_roots)),
            "max_days": self.max_days,
            "student": self.student,
            "default_source": self.source,
            "labelled_target": self.labelled_target,
            "auto_activate": self.auto_activate,
            "gate": dict(self.gate),
        }


def declare(node: Node) -> AdaptSettings:
    """Declare the parameters and read them; all are fixed once the node runs.

    Raises:
        ValueError: a value makes no sense.
    """

    values = declare_all(node, [replace(one, live=False, read_only=True) for one in PARAMETERS])
    for parameter in PARAMETERS:
        if reason := parameter.refusal(values[parameter.name]):
            raise ValueError(reason)
    modality = values["modality"]
    preprocessing = _declared(node, settings_as_parameters(PREPROCESSING[modality], modality), f"{modality}.")
    make_preprocessor(modality, preprocessing)
    parse_sources(values["source"])
    edges = _declared(node, event_parameters.PARAMETERS, event_parameters.PREFIX) if modality == "event" else {}
    EdgeConfig(**edges)
    on_shift = OnShiftConfig(**_group(values, "on_shift."))
    recordings = on_shift.recordings or str(default_recordings("recorder", node.get_namespace()))
    return AdaptSettings(
        default_store(modality, node.get_namespace()) if not values["store"] else Path(values["store"]).expanduser(),
        values["model"] or embedded_model(modality),
        modality,
        tuple(Path(root).expanduser().absolute() for root in values["bag_roots"] if root),
        values["keep"],
        values["device"],
        values["precision"],
        values["runtime"],
        values["cancel_grace_s"],
        values["niceness"],
        values["threads"] or max(1, (os.cpu_count() or 2) // 2),
        values["gpu_memory_share"],
        preprocessing,
        values["max_days"],
        values["student"],
        values["source"],
        values["labelled_target"] and str(Path(values["labelled_target"]).expanduser().absolute()),
        values["auto_activate"],
        _group(values, "gate."),
        on_shift,
        tuple(Path(folder).expanduser().absolute() for folder in recordings.split(":") if folder),
        edges,
    )


def _group(values: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The values of one group by what follows its prefix."""
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def _declared(node: Node, known: Sequence[NodeParameter], prefix: str) -> dict[str, Any]:
    """Declare the parameters of one group; gives their values by what follows the prefix."""
    chosen = [parameter for parameter in known if parameter.name.startswith(prefix)]
    return {name.removeprefix(prefix): value for name, value in declare_all(node, chosen).items()}
