# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the node publishes about a frame."""

from __future__ import annotations

import copy

import numpy as np
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Float32, Header
from vision_msgs.msg import LabelInfo

from madm_model.labels import LabelSet, colorize, colour_table, overlay
from madm_ros.image_conversion import to_image_message, to_jpeg_message
from madm_ros.segmentation import point_cloud
from madm_ros.segmentation.cloud_geometry import PinholeCamera, labelled_points
from madm_ros.segmentation.label_info import label_info_message


class Publications:
    """The node's publishers: labels always, the rest only while someone listens.

    Args:
        node: owns the publishers; they speak while it is active.
        label_set: classes of the model.
        with_points: also publish a labelled point cloud.
    """

    def __init__(self, node: LifecycleNode, label_set: LabelSet, with_points: bool) -> None:
        self._node = node
        self.label_set = label_set
        latched = QoSProfile(
            depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        self._label_info = node.create_lifecycle_publisher(LabelInfo, "~/label_info", latched)
        self._palette = node.create_lifecycle_publisher(Image, "~/palette", latched)
        self._labels = self._stream(Image, "~/labels")
        self._camera_info = self._stream(CameraInfo, "~/camera_info")
        self._shift = node.create_lifecycle_publisher(Float32, "~/shift", 10)
        self._labels_color = self._stream(Image, "~/labels_color")
        self._confidence = self._stream(Image, "~/confidence")
        self._overlay = self._stream(Image, "~/overlay")
        # Named as image_transport does: RViz and rqt offer it as a transport of ~/overlay.
        self._overlay_jpeg = self._stream(CompressedImage, "~/overlay/compressed")
        self._points = self._stream(PointCloud2, "~/points") if with_points else None

    def _stream(self, message_type: type, topic: str) -> LifecyclePublisher:
        # Reliable, so that RViz's default and best-effort subscribers both match; overridable like the input.
        return self._node.create_lifecycle_publisher(
            message_type,
            topic,
            QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def publish_class_map(self, threshold: float) -> None:
        """Publish names and colours of the classes; subscribers that come later get them as well.

        The palette is an image, rgb8, 256x1: pixel N is the colour of class id N, black where there is no such class.
        """
        stamp = self._node.get_clock().now().to_msg()
        self._label_info.publish(label_info_message(self.label_set, threshold, stamp))
        self._palette.publish(to_image_message(colour_table(self.label_set)[None], "rgb8", Header(stamp=stamp)))

    def publish(
        self, header: Header, image: np.ndarray, labels: np.ndarray, confidence: np.ndarray, overlay_opacity: float
    ) -> None:
        """Publish the labels, and what else someone listens to.

        Args:
            header: of the input message; every output carries it as it is.
            image: uint8 (H, W, 3), what the network saw.
            labels: uint8 (H, W), class ids, 255 where unlabelled.
            confidence: uint8 (H, W), 255 is certain.
            overlay_opacity: weight of the class colour, 0 to 1.
        """
        self._labels.publish(to_image_message(labels, "mono8", header))
        if self._labels_color.get_subscription_count():
            self._labels_color.publish(to_image_message(colorize(labels, self.label_set), "rgb8", header))
        if self._confidence.get_subscription_count():
            self._confidence.publish(to_image_message(confidence, "mono8", header))
        wants_raw, wants_jpeg = (
            publisher.get_subscription_count() > 0 for publisher in (self._overlay, self._overlay_jpeg)
        )
        if wants_raw or wants_jpeg:
            picture = overlay(image, labels, self.label_set, overlay_opacity)
            if wants_raw:
                self._overlay.publish(to_image_message(picture, "rgb8", header))
            if wants_jpeg:
                self._overlay_jpeg.publish(to_jpeg_message(picture, header))

    def publish_camera_info(self, header: Header, camera_info: CameraInfo) -> None:
        """Publish the camera's calibration under the header of the labels that it belongs to."""
        stamped = copy.copy(camera_info)
        stamped.header = header
        self._camera_info.publish(stamped)

    def publish_shift(self, value: float) -> None:
        """Publish how far frames are from what the model knows; see `madm_model.shift.monitor.Shift`."""
        self._shift.publish(Float32(data=value))

    def publish_points(
        self, header: Header, depth: np.ndarray, camera: PinholeCamera, labels: np.ndarray, confidence: np.ndarray
    ) -> None:
        """Publish the labelled point cloud; arguments as of `publish` and `labelled_points`."""
        points = labelled_points(depth, camera, labels, confidence, colour_table(self.label_set))
        self._points.publish(point_cloud.to_cloud_message(points, header))

    @property
    def has_points(self) -> bool:
        """Whether there is a point cloud topic."""
        return self._points is not None

    @property
    def wants_points(self) -> bool:
        """Whether someone listens to the point cloud."""
        return self._points is not None and self._points.get_subscription_count() > 0

    @property
    def wanted(self) -> bool:
        """Whether someone listens to anything that needs the network."""
        return any(publisher.get_subscription_count() for publisher in self._results())

    def _results(self) -> list[LifecyclePublisher]:
        """What is published of a frame and needs the network."""
        results = [self._labels, self._labels_color, self._confidence, self._overlay, self._overlay_jpeg]
        return [*results, self._points] if self._points is not None else results

    def destroy(self) -> None:
        """Remove the publishers from the node."""
        for publisher in (self._label_info, self._palette, self._camera_info, self._shift, *self._results()):
            self._node.destroy_lifecycle_publisher(publisher)
