"""The node's parameters: what each means, what it may be, and when it may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from madm_model.modalities import DepthConfig, EventConfig, ThermalConfig, read_settings
from madm_model.modalities.depth import ENCODINGS, HOLE_FILLING
from madm_model.modalities.thermal import GAINS


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


TRANSPORT_SUFFIX = {"raw": "", "compressed": "/compressed", "compressedDepth": "/compressedDepth"}
"""Transport -> what image_transport appends to the image topic."""

PRECISIONS = ("auto", "float32", "float16", "bfloat16")
"""Number formats of the network."""

PREPROCESSING = {"thermal": ThermalConfig, "depth": DepthConfig, "event": EventConfig}
"""Modalities with settings; a field is the parameter `MODALITY.FIELD`."""


def _setting(modality: str, field: str, description: str, **constraints: Any) -> NodeParameter:
    return NodeParameter(
        f"{modality}.{field}", getattr(PREPROCESSING[modality], field), description, live=True, **constraints
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
        "transport",
        "raw",
        "How images come: raw on image, compressed on image/compressed, compressedDepth on image/compressedDepth.",
        choices=tuple(TRANSPORT_SUFFIX),
    ),
    NodeParameter("autostart", True, "Configure and activate when the node starts.", read_only=True),
    NodeParameter(
        "confidence_threshold",
        0.0,
        "Pixels whose class has a smaller probability become 255, unlabelled.",
        live=True,
        range=(0.0, 1.0),
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
        "lazy",
        False,
        "Segment only while someone subscribes to labels, labels_color, confidence, overlay or points.",
        live=True,
    ),
    _setting("thermal", "gain", "Gain control: percentile, fixed, or clahe for local contrast.", choices=GAINS),
    _setting("thermal", "low_percentile", "Percent of the pixels that may fall below black.", range=(0.0, 100.0)),
    _setting("thermal", "high_percentile", "Percent of the pixels that stay below white.", range=(0.0, 100.0)),
    _setting("thermal", "fixed_min", "Count shown as black with gain fixed.", range=(0.0, 65535.0)),
    _setting("thermal", "fixed_max", "Count shown as white with gain fixed.", range=(0.0, 65535.0)),
    _setting("thermal", "min_span", "Smallest range of counts stretched to full contrast.", range=(1.0, 65535.0)),
    _setting(
        "thermal",
        "max_change",
        "Largest step of black and white from frame to frame, as a share of their range; 1 turns the filter off.",
        range=(0.001, 1.0),
    ),
    _setting("thermal", "clahe_clip_limit", "Contrast limit of CLAHE.", range=(0.1, 100.0)),
    _setting("thermal", "clahe_tiles", "Tiles per side of the image for CLAHE.", range=(1, 64)),
    _setting("thermal", "invert", "True for cameras that show hot as dark."),
    _setting("depth", "min_range_m", "Nearer readings are noise, metres.", range=(0.001, 1000.0)),
    _setting("depth", "max_range_m", "Farther readings are shown as infinitely far, metres.", range=(0.01, 10000.0)),
    _setting("depth", "unit_m", "Metres per count of 16-bit depth (REP 118: 0.001).", range=(1e-6, 1.0)),
    _setting("depth", "encoding", "Grey of a depth: log, linear or inverse.", choices=ENCODINGS),
    _setting("depth", "hole_filling", "Fill unknown pixels: auto (many are unknown), on, off.", choices=HOLE_FILLING),
    _setting(
        "depth",
        "max_hole_radius",
        "Pixels farther than this from a reading stay unknown, share of the image's height.",
        range=(0.001, 1.0),
    ),
    _setting("event", "invert", "True for edge frames with dark edges on white."),
)


def declare(node: Node) -> None:
    """Declare all parameters.

    Raises:
        rclpy.exceptions.InvalidParameterException: a value given at start has the wrong type or is out of range.
    """
    for parameter in PARAMETERS:
        node.declare_parameter(parameter.name, parameter.default, parameter.descriptor())


def preprocessing_settings(modality: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a modality, by field name, out of the values of all parameters."""
    if modality not in PREPROCESSING:
        return {}
    return {field.name: values[f"{modality}.{field.name}"] for field in fields(PREPROCESSING[modality])}


def refusal(present: Mapping[str, Any], changes: Mapping[str, Any], configured: bool) -> str:
    """Why parameters may not change, or an empty text if they may.

    Args:
        present: all values by name.
        changes: the new values; names that the node does not declare (use_sim_time) are not judged.
        configured: a model is loaded, so only live parameters may change.
    """
    for parameter in PARAMETERS:
        if parameter.name not in changes:
            continue
        if configured and not parameter.live:
            return f"{parameter.name} is fixed while a model is loaded: deactivate and clean up the node first"
        value = changes[parameter.name]
        if parameter.choices and value not in parameter.choices:
            return f"{parameter.name} is '{value}': it has to be one of {', '.join(parameter.choices)}"
    for modality, config in PREPROCESSING.items():
        try:
            read_settings(config, preprocessing_settings(modality, {**present, **changes}))
        except ValueError as error:
            return f"{modality}: {error}"
    return ""
