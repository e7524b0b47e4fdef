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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from madm_model.checkpoint.model_names import embedded_model
from madm_model.events.edge_config import EdgeConfig
from madm_model.jobs.gate import GateConfig
from madm_model.modalities import make_preprocessor
from madm_ros.default_names import default_store
from madm_ros.events import parameters as event_parameters
from madm_ros.segmentation import parameters

MODALITIES = ("thermal", "depth", "event")

_GATE = {
    "frames": ("Target frames that the gate looks at, at most.", 2, 10_000),
    "agreement_drop": ("Share of pixels agreeing with the teacher ensemble: largest loss.", 0.0, 1.0),
    "confidence_drop": ("Mean confidence: largest loss.", 0.0, 1.0),
    "class_ratio": ("Effective number of classes: smallest ratio to the running version's.", 0.0, 1.0),
    "largest_class": ("Share of pixels that one class may have, or has in the running version.", 0.0, 1.0),
    "temporal_drop": ("Share of pixels that keep their class from frame to frame: largest loss.", 0.0, 1.0),
    "source_miou_drop": ("mIoU on held-out source frames: largest loss.", 0.0, 1.0),
    "activation_iterations": ("A version of fewer iterations is kept, but not activated by itself.", 0, 1_000_000),
    "activation_frames": ("A version of fewer different target frames likewise.", 0, 1_000_000),
}
"""Fields of GateConfig as parameters `gate.FIELD`: description, smallest and largest value."""


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
    auto_activate: bool
    """Whether a version that passes the gate becomes the active one, where the request wants it, too."""
    gate: Mapping[str, Any]
    """What a new version has to reach, fields of GateConfig; requests cannot change it."""
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
            "gpu_memory_share": self.gpu_memory_share,
            "niceness": self.niceness,
            "threads": self.threads,
            "bag_roots": tuple(map(str, self.bag_roots)),
            "max_days": self.max_days,
            "auto_activate": self.auto_activate,
            "gate": dict(self.gate),
        }


def declare(node: Node) -> AdaptSettings:
    """Declare the parameters and read them; all are fixed once the node runs.

    Raises:
        ValueError: a value makes no sense.
    """

    def value(name: str, default: Any, description: str, lowest: float = 0, highest: float = 0) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if highest and isinstance(default, int):
            descriptor.integer_range = [IntegerRange(from_value=int(lowest), to_value=int(highest), step=1)]
        elif highest:
            descriptor.floating_point_range = [FloatingPointRange(from_value=lowest, to_value=highest)]
        return parameters.declare_one(node, name, default, descriptor)

    model = value("model", "", "Base of the store: model folder, or an embedded model; empty: the one of the modality.")
    modality = value("modality", "thermal", f"The sensor that is adapted to: {', '.join(MODALITIES)}.")
    store = value(
        "store", "", "Folder of the model versions; empty: ~/.madm/[NAMESPACE/]MODALITY. The segmentation node's too."
    )
    roots = value("bag_roots", [""], "Folders that recordings and sources may lie in; none: every job is refused.")
    keep = value(
        "keep",
        5,
        "Versions kept, the newest; the base, the active one and the one before it stay in any case.",
        1,
        1000,
    )
    device = value("device", "auto", "Where jobs train: auto (a GPU if there is one), cpu, cuda, ...")
    precision = value(
        "precision",
        "auto",
        f"Number format of the segmentation node, which the gate judges in: {', '.join(parameters.PRECISIONS)}.",
    )
    grace = value("cancel_grace_s", 10.0, "Seconds a canceled job has to end; then it is killed.", 0.1, 3600.0)
    niceness = value("niceness", 10, "Added to a job's niceness; 19 is the lowest priority.", 0, 19)
    threads = value("threads", 0, "CPU threads of a job; 0: half of the cores.", 0, 1024)
    share = value("gpu_memory_share", 1.0, "Share of the GPU's memory a job may take.", 0.01, 1.0)
    days = value("max_days", 7.0, "A job that would train for longer is refused, days.", 0.001, 365.0)
    auto_activate = value(
        "auto_activate", True, "A version that passes the gate becomes active; false: it is only kept."
    )
    gate = {
        field: value(f"gate.{field}", getattr(GateConfig, field), *description) for field, description in _GATE.items()
    }
    if precision not in parameters.PRECISIONS:
        raise ValueError(f"precision is '{precision}': it has to be one of {', '.join(parameters.PRECISIONS)}")
    if modality not in MODALITIES:
        raise ValueError(f"modality is '{modality}': it has to be one of {', '.join(MODALITIES)}")
    preprocessing = _declared(node, parameters.PARAMETERS, f"{modality}.")
    make_preprocessor(modality, preprocessing)
    edges = _declared(node, event_parameters.PARAMETERS, event_parameters.PREFIX) if modality == "event" else {}
    EdgeConfig(**edges)
    return AdaptSettings(
        default_store(modality, node.get_namespace()) if not store else Path(store).expanduser(),
        model or embedded_model(modality),
        modality,
        tuple(Path(root).expanduser().absolute() for root in roots if root),
        keep,
        device,
        precision,
        grace,
        niceness,
        threads or max(1, (os.cpu_count() or 2) // 2),
        share,
        preprocessing,
        days,
        auto_activate,
        gate,
        edges,
    )


def _declared(node: Node, known: Sequence[parameters.NodeParameter], prefix: str) -> dict[str, Any]:
    """Declare the parameters of one group; gives their values by what follows the prefix."""
    chosen = [parameter for parameter in known if parameter.name.startswith(prefix)]
    return {name.removeprefix(prefix): value for name, value in parameters.declare_all(node, chosen).items()}
