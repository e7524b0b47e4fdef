# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""A robot's cameras as a file, checked before anything starts."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field

from madm_model.recorder.config import RecorderConfig
from madm_model.settings import read_settings, settings
from madm_ros.default_names import ADAPTED_MODALITIES, NAMESPACE, default_recordings, default_store, edges_name
from madm_ros.robot import checks

_TOPICS = {"image": "image_raw", "events": "events", "reference_image": "image_raw", "camera_info": "camera_info"}
"""Input of a node to what drivers call it, below the camera's name."""


@settings
class CameraConfig:
    """One camera: a segmentation node, and for events the event frame node beside it."""

    name: str
    """Of the camera and its node, whose labels are NAMESPACE/NAME/labels."""
    modality: Literal["thermal", "depth", "event", "rgb"]
    """Which sensor it is, and so how its images are prepared."""
    image_topic: str = ""
    """Where the images come from; empty: /NAME/image_raw."""
    camera_info_topic: str = ""
    """Where the calibration comes from, if there is one; empty: /NAME/camera_info."""
    events_topic: str = ""
    """Event cameras: where the packets come from; empty: /NAME/events."""
    reference_image_topic: str = ""
    """Event cameras: images to keep step with, where edges.window is stamps; empty: /NAME/image_raw."""
    model: str = ""
    """Model folder, or the name of an embedded model; empty: the embedded one of the modality."""
    store: str | None = None
    """Folder of adapted versions to follow; left out: the modality's, ~/.madm/[NAMESPACE/]MODALITY; empty: none."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Of its nodes, by the names that docs/parameters.md has; those of one group may be nested."""

    def __post_init__(self) -> None:
        checks.require_node_name(self.name)
        is_event = self.modality == "event"
        for topic in ("image_topic",) if is_event else ("events_topic", "reference_image_topic"):
            if getattr(self, topic):
                fitting = "events_topic" if is_event else "image_topic"
                raise ValueError(f"{self.name} is for {self.modality}: use {fitting} in place of {topic}")
        for topic in self.topics.values():
            checks.require_topic_name(self.name, topic)
        object.__setattr__(self, "parameters", checks.flat(self.parameters))
        checks.require_known_parameters(self.name, self.parameters, is_event)

    @property
    def topics(self) -> dict[str, str]:
        """Input of its nodes to the topic that it comes from."""
        inputs = ("events", "reference_image") if self.modality == "event" else ("image",)
        return {
            name: getattr(self, f"{name}_topic") or f"/{self.name}/{_TOPICS[name]}" for name in (*inputs, "camera_info")
        }

    @property
    def node_names(self) -> list[str]:
        """Of the nodes that it takes."""
        return [edges_name(self.name), self.name] if self.modality == "event" else [self.name]


@settings
class AdaptConfig:
    """The adaptation servers: one for each store that the cameras follow."""

    bag_roots: tuple[str, ...] = ()
    """Folders that recordings and sources may lie in, beside that of the robot's recorders; none: jobs are refused."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Of each server, by the names that docs/parameters.md has."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", checks.flat(self.parameters))
        checks.require_server_parameters(self.parameters)


@settings
class RobotConfig:
    """Cameras of one robot, and what serves them."""

    cameras: Annotated[tuple[CameraConfig, ...], Field(min_length=1)]
    """Each with a node of its own."""
    namespace: str = NAMESPACE
    """Of the nodes."""
    processes: Literal["one", "per_camera"] = "one"
    """One for all cameras, in which those of one model share its weights, or one for each."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Of all nodes of cameras; a camera's own win."""
    adapt: AdaptConfig | None = None
    """The adaptation servers; left out: none."""
    record: RecorderConfig | None = None
    """How much a recorder beside each camera keeps, see docs/when_to_adapt.md; left out: there are none."""

    def __post_init__(self) -> None:
        checks.require_namespace(self.namespace)
        object.__setattr__(self, "parameters", checks.flat(self.parameters))
        checks.require_known_parameters("of all cameras", self.parameters, with_edges=True)
        names = [name for camera in self.cameras for name in camera.node_names]
        recorders = [recorder_name(camera) for camera in self.cameras] if self.record is not None else []
        checks.require_different([*names, *recorders], "node")
        for camera in self.cameras:
            checks.require_sensible(camera.name, self.camera_parameters(camera))
        for store, cameras in self.cameras_by_store().items():
            parameters = {camera.name: self.camera_parameters(camera) for camera in cameras}
            checks.require_alike(store, parameters, has_server=self.adapt is not None)
        checks.require_different(list(map(self.server_namespace, self.cameras_by_store().values())), "server")

    def store(self, camera: CameraConfig) -> str:
        """The store that a camera follows; empty for none."""
        if camera.store is not None:
            return camera.store
        has_one = camera.modality in ADAPTED_MODALITIES
        return str(default_store(camera.modality, self.namespace)) if has_one else ""

    def camera_parameters(self, camera: CameraConfig) -> dict[str, Any]:
        """All parameters of a camera's nodes, by their dotted names, as far as they are not left to the defaults."""
        own = {"modality": camera.modality, "model": camera.model, "store": self.store(camera)}
        return {**self.parameters, **camera.parameters, **own}

    def cameras_by_store(self) -> dict[Path, list[CameraConfig]]:
        """Stores, and the cameras that follow each."""
        found: dict[Path, list[CameraConfig]] = {}
        for camera in self.cameras:
            if store := self.store(camera):
                found.setdefault(Path(store).expanduser().absolute(), []).append(camera)
        return found

    def server_namespace(self, cameras: list[CameraConfig]) -> str:
        """Of the adaptation server of the cameras that follow one store.

        NAMESPACE/MODALITY, and NAMESPACE/CAMERA, the first of them, where the store is not that of the modality.
        """
        of_modality = any(camera.store is None for camera in cameras)
        return f"{self.namespace.rstrip('/')}/{cameras[0].modality if of_modality else cameras[0].name}"

    def server_parameters(self, cameras: list[CameraConfig]) -> dict[str, Any]:
        """Parameters of that server: those of the first camera, which it needs to prepare frames alike, and its own."""
        roots, recorded = list(self.adapt.bag_roots), {}
        if self.record is not None:
            roots.append(str(default_recordings("", self.namespace)))
            folders = [str(default_recordings(recorder_name(camera), self.namespace)) for camera in cameras]
            recorded = {"on_shift.recordings": ":".join(folders)}
        return {
            **self.camera_parameters(cameras[0]),
            **({"bag_roots": roots} if roots else {}),
            **recorded,
            **self.adapt.parameters,
        }


def recorder_name(camera: CameraConfig) -> str:
    """Of the recorder beside a camera, and so of its folder."""
    return f"{camera.name}_recorder"


def read_robot(path: str | Path) -> RobotConfig:
    """The robot that a YAML file describes.

    Raises:
        ValueError: it cannot be read, or something in it makes no sense.
    """
    try:
        content = yaml.load(Path(path).expanduser().read_text(encoding="utf-8"), _OneOfEachName)
        return read_settings(RobotConfig, content)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


class _OneOfEachName(yaml.SafeLoader):
    """YAML in which a name that comes twice is an error; PyYAML takes the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        if doubled := next((name for number, name in enumerate(names) if name in names[:number]), None):
            raise ValueError(f"'{doubled}' is there twice, the second time in line {node.start_mark.line + 1} or below")
        return super().construct_mapping(node, deep)
