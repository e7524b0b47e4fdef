# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The labelled point cloud over DDS; its geometry is tested without ROS."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from ros_helpers import FakeSegmenter, image_message, pixels_of
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from std_msgs.msg import Header

from madm_ros.segmentation.cloud_geometry import POINT_DTYPE
from madm_ros.segmentation.point_cloud import to_cloud_message

DEPTH = np.linspace(500, 9000, 48 * 64).astype(np.uint16).reshape(48, 64)
NUMPY_TYPES = {PointField.FLOAT32: "<f4", PointField.UINT32: "<u4"}


def read_points(cloud: PointCloud2) -> np.ndarray:
    """The points as the message itself describes them, (height, width)."""
    layout = {
        "names": [field.name for field in cloud.fields],
        "formats": [NUMPY_TYPES[field.datatype] for field in cloud.fields],
        "offsets": [field.offset for field in cloud.fields],
        "itemsize": cloud.point_step,
    }
    assert cloud.row_step == cloud.width * cloud.point_step
    assert len(cloud.data) == cloud.height * cloud.row_step
    assert not cloud.is_bigendian
    return np.frombuffer(cloud.data, np.dtype(layout)).reshape(cloud.height, cloud.width)


@pytest.mark.parametrize("hole", [False, True])
def test_the_message_describes_its_points(hole: bool) -> None:
    points = np.zeros((2, 3), POINT_DTYPE)
    for index, name in enumerate(POINT_DTYPE.names):
        points[name] = 10 * np.arange(6).reshape(2, 3) + index
    if hole:
        points["z"][1, 2] = np.nan
    cloud = to_cloud_message(points, Header(frame_id="depth_optical"))
    assert cloud.header.frame_id == "depth_optical"
    assert (cloud.height, cloud.width, cloud.is_dense) == (2, 3, not hole)
    assert [(field.name, field.offset, field.count) for field in cloud.fields] == [
        (name, 4 * index, 1) for index, name in enumerate(("x", "y", "z", "rgb", "label", "confidence"))
    ]
    read = read_points(cloud)
    for name in POINT_DTYPE.names:
        np.testing.assert_array_equal(read[name], points[name])


def test_points_lie_under_their_pixels(peer, start_node) -> None:
    start_node(FakeSegmenter(), modality="depth")
    labels = peer.collect(Image, "/segmentation_node/labels")
    clouds = peer.collect(PointCloud2, "/segmentation_node/points")
    infos = peer.publisher(CameraInfo, "/camera_info")
    depth = DEPTH.copy()
    depth[10, 20] = 0
    sent = image_message(depth, "16UC1", frame_id="depth_optical")
    info = CameraInfo(header=sent.header, height=48, width=64)
    info.p = [50.0, 0.0, 31.5, 0.0, 0.0, 60.0, 23.5, 0.0, 0.0, 0.0, 1.0, 0.0]

    def send_info() -> list:
        infos.publish(info)
        return clouds

    peer.send(peer.publisher(Image, "/image"), sent, send_info, "a point cloud")
    cloud = clouds[0]
    assert cloud.header == sent.header
    assert (cloud.height, cloud.width, cloud.is_dense) == (48, 64, False)
    points = read_points(cloud)
    np.testing.assert_array_equal(points["label"], pixels_of(labels[-1]))
    assert np.isnan(points["z"][10, 20])
    valid = np.isfinite(points["z"])
    assert valid.sum() == depth.size - 1
    np.testing.assert_allclose(points["z"][valid], depth[valid] * 0.001, rtol=1e-6)
    rows, columns = np.mgrid[0:48, 0:64]
    np.testing.assert_allclose((points["x"] / points["z"] * 50 + 31.5)[valid], columns[valid], atol=1e-3)
    np.testing.assert_allclose((points["y"] / points["z"] * 60 + 23.5)[valid], rows[valid], atol=1e-3)


def test_no_cloud_without_intrinsics_of_the_images_size(peer, start_node, errors) -> None:
    start_node(modality="depth")
    clouds = peer.collect(PointCloud2, "/segmentation_node/points")
    publisher, infos = peer.publisher(Image, "/image"), peer.publisher(CameraInfo, "/camera_info")
    sent = image_message(DEPTH, "16UC1")
    peer.send(publisher, sent, errors, "an error in the log")
    assert "no point cloud without a calibrated camera_info" in errors()[0]
    info = CameraInfo(height=96, width=128)
    info.k[0] = info.k[4] = 50.0

    def send_info() -> bool:
        infos.publish(info)
        return len(errors()) == 2

    peer.send(publisher, sent, send_info, "another error in the log")
    assert "camera_info is for 128x96, the image is 64x48" in errors()[1]
    assert not clouds
