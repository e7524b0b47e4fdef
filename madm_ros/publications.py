"""What the node publishes about a frame."""

from __future__ import annotations

import numpy as np
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header
from vision_msgs.msg import LabelInfo

from madm_model.labels import LabelSet, colour_table, overlay
from madm_ros import point_cloud
from madm_ros.cloud_geometry import PinholeCamera, labelled_points
from madm_ros.image_conversion import to_image_message
from madm_ros.label_info import label_info_message


class Publications:
    """The node's publishers: labels always, the rest only while someone listens.

    Args:
        node: owns the publishers; they speak while it is active.
        label_set: classes of the model.
        with_points: also publish a labelled point cloud.
    """

    def __init__(self, node: LifecycleNode, label_set: LabelSet, with_points: bool) -> None:
        self._node = node
        self._label_set = label_set
        latched = QoSProfile(
            depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
        )
        self._label_info = node.create_lifecycle_publisher(LabelInfo, "~/label_info", latched)
        self._labels = self._stream(Image, "~/labels")
        self._confidence = self._stream(Image, "~/confidence")
        self._overlay = self._stream(Image, "~/overlay")
        self._points = self._stream(PointCloud2, "~/points") if with_points else None

    def _stream(self, message_type: type, topic: str) -> LifecyclePublisher:
        # Reliable, so that RViz's default and best-effort subscribers both match; overridable like the input.
        return self._node.create_lifecycle_publisher(
            message_type,
            topic,
            QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def publish_label_info(self, threshold: float) -> None:
        """Publish the class map; subscribers that come later get it as well."""
        stamp = self._node.get_clock().now().to_msg()
        self._label_info.publish(label_info_message(self._label_set, threshold, stamp))

    def publish(
        self, header: Header, image: np.ndarray, labels: np.ndarray, confidence: np.ndarray, overlay_opacity: float
    ) -> None:
        """Publish the labels, and confidence and overlay if someone listens.

        Args:
            header: of the input message; every output carries it as it is.
            image: uint8 (H, W, 3), what the network saw.
            labels: uint8 (H, W), class ids, 255 where unlabelled.
            confidence: uint8 (H, W), 255 is certain.
            overlay_opacity: weight of the class colour, 0 to 1.
        """
        self._labels.publish(to_image_message(labels, "mono8", header))
        if self._confidence.get_subscription_count():
            self._confidence.publish(to_image_message(confidence, "mono8", header))
        if self._overlay.get_subscription_count():
            picture = overlay(image, labels, self._label_set, overlay_opacity)
            self._overlay.publish(to_image_message(picture, "rgb8", header))

    def publish_points(
        self, header: Header, depth: np.ndarray, camera: PinholeCamera, labels: np.ndarray, confidence: np.ndarray
    ) -> None:
        """Publish the labelled point cloud; arguments as of `publish` and `labelled_points`."""
        points = labelled_points(depth, camera, labels, confidence, colour_table(self._label_set))
        self._points.publish(point_cloud.to_cloud_message(points, header))

    @property
    def has_points(self) -> bool:
        """Whether there is a point cloud topic."""
        return self._points is not None

    @property
    def wants_points(self) -> bool:
        """Whether someone listens to the point cloud."""
        return self._points is not None and self._points.get_subscription_count() > 0

    def destroy(self) -> None:
        """Remove the publishers from the node."""
        for publisher in (self._label_info, self._labels, self._confidence, self._overlay, self._points):
            if publisher is not None:
                self._node.destroy_lifecycle_publisher(publisher)
