# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""One cloud and one picture's labels to what the node publishes: arrays and messages, no node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

from madm_model.geometry.camera import camera_from_info
from madm_model.geometry.occlusion import OcclusionConfig
from madm_model.geometry.point_labels import PointLabels, label_points
from madm_model.io.frames import FrameError
from madm_model.io.messages import decode_image
from madm_model.io.point_clouds import decode_points, with_fields
from madm_model.labels import IGNORE
from madm_model.modalities import DepthConfig
from madm_model.modalities.depth import metric_depth
from madm_ros.image_conversion import to_frame
from madm_ros.segmentation.cloud_geometry import POINT_DTYPE, PinholeCamera, labelled_points
from madm_ros.segmentation.point_cloud import to_cloud_message


@dataclass(frozen=True)
class LabelledPicture:
    """What a segmentation node says about one picture."""

    labels: Image
    """mono8, class ids, 255 where unlabelled."""
    confidence: Image | None
    """mono8, 255 is certain; None: all are."""

    @property
    def header(self) -> Header:
        """Of the picture."""
        return self.labels.header

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels and confidence, uint8 (H, W) each.

        Raises:
            FrameError: one of them is no mono8 image, or they differ in size.
        """
        labels = _mono8(self.labels, "labels")
        confidence = np.full_like(labels, 255) if self.confidence is None else _mono8(self.confidence, "confidence")
        if labels.shape != confidence.shape:
            raise FrameError(
                f"the labels are {_size(labels)} and the confidence is {_size(confidence)}: take both from one node"
            )
        return labels, confidence


@dataclass(frozen=True)
class LabelledCloud:
    """A cloud's points, and what the picture says of them."""

    points: np.ndarray
    """float (3, N), in the cloud's frame."""
    result: PointLabels
    """Their labels."""
    message: PointCloud2
    """The cloud that came."""


def label_cloud(
    cloud: PointCloud2,
    picture: LabelledPicture,
    info: CameraInfo,
    rectified: bool,
    to_camera: np.ndarray,
    occlusion: OcclusionConfig,
) -> LabelledCloud:
    """Give every point of a cloud the label of the pixel that shows it.

    Args:
        cloud: of any layout.
        picture: the labels.
        info: the camera's calibration.
        rectified: the picture is.
        to_camera: float64 (4, 4), from the cloud's frame to the camera's, each at its time.
        occlusion: what hides what.

    Raises:
        InputError: one of the messages cannot be used, or they do not fit each other.
    """
    labels, confidence = picture.arrays()
    camera = camera_from_info(info, rectified)
    if labels.shape != (camera.height, camera.width):
        raise FrameError(
            f"the camera_info is for {camera.width}x{camera.height}, the labels are {_size(labels)}: it has to be that "
            "of the camera that was labelled"
        )
    points = decode_points(cloud)
    return LabelledCloud(points, label_points(points, to_camera, camera, labels, confidence, occlusion), cloud)


def cloud_message(labelled: LabelledCloud, colours: np.ndarray) -> PointCloud2:
    """The same cloud with the fields label, confidence (0 to 1) and rgb behind its own.

    Args:
        labelled: of `label_cloud`.
        colours: uint8 (256, 3), RGB of each id.
    """
    result, source = labelled.result, labelled.message
    added = {
        "label": result.label.astype(np.uint32),
        "confidence": result.confidence * np.float32(1 / 255),
        "rgb": _packed(colours)[result.label],
    }
    extended = with_fields(source, added, replaced=("rgba",))
    message = PointCloud2(header=source.header, height=source.height, width=source.width)
    message.fields = [
        PointField(name=field.name, offset=field.offset, datatype=field.datatype, count=field.count)
        for field in extended.fields
    ]
    message.point_step, message.row_step = extended.point_step, source.width * extended.point_step
    message.is_bigendian, message.is_dense = source.is_bigendian, source.is_dense
    message.data = extended.data
    return message


def aligned_message(
    labelled: LabelledCloud, picture: LabelledPicture, to_camera: np.ndarray, colours: np.ndarray
) -> PointCloud2:
    """A point for every pixel of the labels: the nearest of the cloud that shows there, else NaN.

    Args:
        labelled: of `label_cloud`.
        picture: the labels; the cloud has their header.
        to_camera: as of `label_cloud`.
        colours: uint8 (256, 3), RGB of each id.
    """
    labels, confidence = picture.arrays()
    shown = np.flatnonzero(labelled.result.pixel >= 0)
    x, y, z = to_camera[:3, :3] @ labelled.points[:, shown] + to_camera[:3, 3:]
    farthest_first = np.argsort(x * x + y * y + z * z)[::-1]
    pixel = labelled.result.pixel[shown][farthest_first]
    points = np.empty(labels.size, POINT_DTYPE)
    for name, values in zip("xyz", (x, y, z)):
        points[name] = np.nan
        points[name][pixel] = values[farthest_first]  # of several at one pixel the last one stays
    points["rgb"] = _packed(colours)[labels.ravel()]
    points["label"], points["confidence"] = labels.ravel(), confidence.ravel() * np.float32(1 / 255)
    return _aligned(points.reshape(labels.shape), picture)


def aligned_depth_message(
    depth: Image, picture: LabelledPicture, info: CameraInfo, unit_m: float, colours: np.ndarray
) -> PointCloud2:
    """A point for every pixel of the labels, from a depth image that is registered to them.

    Args:
        depth: 16UC1 or 32FC1, of the labels' size.
        picture: the labels; the cloud has their header.
        info: calibration of the registered image, which is rectified.
        unit_m: metres per count of a 16-bit image.
        colours: uint8 (256, 3), RGB of each id.

    Raises:
        InputError: one of the messages cannot be used, or they do not fit each other.
    """
    labels, confidence = picture.arrays()
    metres = metric_depth(to_frame(depth), DepthConfig(unit_m=unit_m))
    camera = PinholeCamera.from_camera_info(info)
    if camera is None:
        raise FrameError("the camera_info is not calibrated: calibrate the camera, or set its topic")
    for what, height, width in (("depth image", *metres.shape), ("camera_info", camera.height, camera.width)):
        if (height, width) != labels.shape:
            raise FrameError(
                f"the {what} is for {width}x{height} pixels, the labels are {_size(labels)}: register the depth to the "
                "camera that is labelled, as depth_image_proc does"
            )
    return _aligned(labelled_points(metres, camera, labels, confidence, colours), picture)


def _aligned(points: np.ndarray, picture: LabelledPicture) -> PointCloud2:
    # nav2's layer keeps one pixel for a tile of its map: one without a label could take it from one that has one.
    for axis in "xyz":
        points[axis][points["label"] == IGNORE] = np.nan
    return to_cloud_message(points, picture.header)


def _packed(colours: np.ndarray) -> np.ndarray:
    """Colours as PCL packs them into a float, float32 (256,)."""
    return (colours.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)).view(np.float32)


def _mono8(message: Any, what: str) -> np.ndarray:
    array_of = decode_image(message).array
    if array_of.ndim != 2 or array_of.dtype != np.uint8:
        raise FrameError(
            f"{what} are '{message.encoding}': they have to be mono8, as a segmentation node publishes them"
        )
    return array_of


def _size(image: np.ndarray) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
