# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What nav2's semantic segmentation layer relies on (semantic_segmentation_layer of its authors, humble to rolling).

The layer subscribes labels, confidence and cloud as sensor data (best effort), the class map latched; it takes the
three that have one stamp (humble: exactly one; jazzy and rolling: within 0.1 s), checks width x height of labels and
cloud, and reads x, y and z, float32, of point v * width + u for pixel (u, v), while z is finite.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from cloud_samples import LABELS, info_message
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_helpers import FIXED_GAIN, image_message, stamp_ns, wait_until
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField
from vision_msgs.msg import LabelInfo

from madm_model.labels import STREET_9, STREET_11
from madm_ros.clouds.node import CloudLabelNode

ROOT = Path(__file__).resolve().parents[3]
SENSOR_DATA = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
LATCHED = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SOURCE_PARAMETERS = {
    "segmentation_topic": str,
    "confidence_topic": str,
    "labels_topic": str,
    "pointcloud_topic": str,
    "observation_persistence": float,
    "expected_update_rate": float,
    "max_obstacle_distance": float,
    "min_obstacle_distance": float,
    "tile_map_decay_time": float,
    "visualize_tile_map": bool,
    "use_cost_selection": bool,
    "class_types": list,
}
CLASS_PARAMETERS = {
    "classes": list,
    "base_cost": int,
    "max_cost": int,
    "mark_confidence": int,
    "samples_to_max_cost": int,
    "dominant_priority": bool,
}
"""What the layer declares, and of which type: ROS takes no whole number for a float."""


def test_labels_of_any_camera_and_registered_depth_make_what_the_layer_takes(peer, spin, start_node) -> None:
    start_node(**FIXED_GAIN)
    topics = ("labels", "confidence", "palette", "camera_info")
    remappings = [f"{topic}:=/segmentation_node/{topic}" for topic in topics]
    node = CloudLabelNode(
        parameter_overrides=[Parameter("input", value="depth")],
        use_global_arguments=False,
        cli_args=["--ros-args", *(word for remapping in remappings for word in ("-r", remapping))],
    )
    spin(node)
    clouds = peer.collect(PointCloud2, "/cloud_labels/aligned_points", SENSOR_DATA)
    labels = peer.collect(Image, "/segmentation_node/labels", SENSOR_DATA)
    confidences = peer.collect(Image, "/segmentation_node/confidence", SENSOR_DATA)
    infos = peer.collect(LabelInfo, "/segmentation_node/label_info", LATCHED)
    images, depths = peer.publisher(Image, "/image"), peer.publisher(Image, "/depth")
    calibrations = peer.publisher(CameraInfo, "/camera_info")
    depth = np.linspace(1, 8, LABELS.size, dtype=np.float32).reshape(LABELS.shape)
    depth[5, 6] = np.nan

    def triples() -> list[tuple[Image, Image, PointCloud2]]:
        by_stamp = [{stamp_ns(message): message for message in list(topic)} for topic in (labels, confidences, clouds)]
        return [tuple(topic[stamp] for topic in by_stamp) for stamp in set.intersection(*map(set, by_stamp))]

    seconds = 1

    def send() -> list:
        nonlocal seconds
        seconds += 1
        calibrations.publish(info_message())
        images.publish(image_message((LABELS * 20).astype(np.uint8), "mono8", seconds, "thermal_optical"))
        registered = image_message(depth, "32FC1", seconds, "thermal_optical")
        registered.header.stamp.nanosec = 30_000_000  # a camera of its own, which is not in step
        depths.publish(registered)
        return triples()

    wait_until(send, "labels, confidence and a cloud with one stamp")
    mask, confidence, cloud = triples()[0]
    assert infos and {item.class_name for item in infos[0].class_map} == set(STREET_9.names)
    assert mask.encoding == confidence.encoding == "mono8"
    assert mask.width * mask.height == cloud.width * cloud.height == len(mask.data) == len(confidence.data)
    assert cloud.header.frame_id == mask.header.frame_id == "thermal_optical"
    fields = {field.name: field for field in cloud.fields}
    assert all(fields[axis].datatype == PointField.FLOAT32 for axis in "xyz") and not cloud.is_bigendian
    z = np.ndarray((cloud.height * cloud.width,), "<f4", cloud.data, fields["z"].offset, (cloud.point_step,))
    label = np.ndarray(z.shape, "<u4", cloud.data, fields["label"].offset, (cloud.point_step,))
    np.testing.assert_allclose(z, depth.ravel(), rtol=1e-6)
    np.testing.assert_array_equal(label, np.frombuffer(mask.data, np.uint8))


def test_the_layers_parameters_are_of_its_types_and_name_every_class_once() -> None:
    text = (ROOT / "config" / "nav2_semantic_layer.yaml").read_text(encoding="utf-8")
    layer = yaml.safe_load(text)["local_costmap"]["local_costmap"]["ros__parameters"]["semantic_layer"]
    assert layer.keys() == {"plugin", "enabled", "combination_method", "observation_sources", "thermal"}
    assert layer["plugin"] == "semantic_segmentation_layer::SemanticSegmentationLayer"
    source = layer[layer["observation_sources"]]
    groups = {name: source.pop(name) for name in source["class_types"]}
    assert source.keys() <= SOURCE_PARAMETERS.keys()
    assert {name: type(value) for name, value in source.items()} == {name: SOURCE_PARAMETERS[name] for name in source}
    for group in groups.values():
        assert {name: type(value) for name, value in group.items()} == CLASS_PARAMETERS
        assert 0 <= group["base_cost"] <= group["max_cost"] <= 254
    names = [name for group in groups.values() for name in group["classes"]]
    assert sorted(names) == sorted({*STREET_9.names, *STREET_11.names})


def test_the_layers_topics_are_those_of_the_launch_files() -> None:
    text = (ROOT / "config" / "nav2_semantic_layer.yaml").read_text(encoding="utf-8")
    source = yaml.safe_load(text)["local_costmap"]["local_costmap"]["ros__parameters"]["semantic_layer"]["thermal"]
    assert [source[f"{name}_topic"] for name in ("segmentation", "confidence", "labels", "pointcloud")] == [
        "/madm/thermal_seg/labels",
        "/madm/thermal_seg/confidence",
        "/madm/thermal_seg/label_info",
        "/madm/cloud_labels/aligned_points",
    ]
