"""The labelled point cloud over DDS, where sensor_msgs_py is installed; its geometry is tested without ROS."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from ros_helpers import FakeSegmenter, image_message, pixels_of
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from madm_ros import point_cloud

DEPTH = np.linspace(500, 9000, 48 * 64).astype(np.uint16).reshape(48, 64)


def test_without_sensor_msgs_py_the_topic_is_off_and_the_log_says_so(start_node, monkeypatch, capfd) -> None:
    monkeypatch.setattr(point_cloud, "AVAILABLE", False)
    node = start_node(modality="depth")
    assert "~/points is off: sensor_msgs_py is not installed" in capfd.readouterr().err
    assert "/segmentation_node/points" not in dict(node.get_topic_names_and_types())


def test_points_lie_under_their_pixels(peer, start_node) -> None:
    point_cloud2 = pytest.importorskip(
        "sensor_msgs_py.point_cloud2", reason="sensor_msgs_py is not installed; it comes with a ROS 2 distribution"
    )
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
    assert (cloud.height, cloud.width, cloud.row_step) == (48, 64, 64 * cloud.point_step)
    points = point_cloud2.read_points(cloud).reshape(48, 64)
    assert points.dtype.names == ("x", "y", "z", "rgb", "label", "confidence")
    np.testing.assert_array_equal(points["label"], pixels_of(labels[-1]))
    assert np.isnan(points["z"][10, 20])
    valid = np.isfinite(points["z"])
    assert valid.sum() == depth.size - 1
    np.testing.assert_allclose(points["z"][valid], depth[valid] * 0.001, rtol=1e-6)
    rows, columns = np.mgrid[0:48, 0:64]
    np.testing.assert_allclose((points["x"] / points["z"] * 50 + 31.5)[valid], columns[valid], atol=1e-3)
    np.testing.assert_allclose((points["y"] / points["z"] * 60 + 23.5)[valid], rows[valid], atol=1e-3)


@pytest.mark.skipif(not point_cloud.AVAILABLE, reason="sensor_msgs_py is not installed; it comes with ROS 2")
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
