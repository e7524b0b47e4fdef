# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Clouds and labels as messages: what comes out, and what is said of those that do not fit."""

from __future__ import annotations

import re

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from cloud_samples import (
    CONFIDENCE,
    LABELS,
    LIDAR_IN_CAMERA,
    cloud_message,
    info_message,
    labels_message,
    pixel_points,
    read_cloud,
)
from ros_helpers import image_message
from sensor_msgs.msg import PointField

from madm_model.geometry.occlusion import OcclusionConfig
from madm_model.geometry.poses import parse_pose
from madm_model.io.frames import InputError
from madm_model.labels import IGNORE
from madm_ros.clouds.labelling import (
    LabelledPicture,
    aligned_depth_message,
    aligned_message,
    label_cloud,
)
from madm_ros.clouds.labelling import (
    cloud_message as labelled_message,
)

COLOURS = np.random.default_rng(0).integers(0, 256, (256, 3)).astype(np.uint8)
COLUMNS, ROWS = np.array([0, 20, 40, 63]), np.array([47, 0, 30, 10])
POINTS = pixel_points(COLUMNS, ROWS, np.array([4.0, 5.0, 6.0, 7.0]))
BEHIND = np.array([[-5.0, 0, 0]], np.float32)
PICTURE = LabelledPicture(labels_message(), labels_message(labels=CONFIDENCE))
POSE = parse_pose(LIDAR_IN_CAMERA)


def label(points: np.ndarray, big_endian: bool = False, picture: LabelledPicture = PICTURE, info=None, **occlusion):
    message = cloud_message(points, big_endian=big_endian)
    return label_cloud(message, picture, info or info_message(), False, POSE, OcclusionConfig(**occlusion))


@pytest.mark.parametrize("big_endian", [False, True])
def test_the_same_cloud_comes_out_with_three_more_fields(big_endian: bool) -> None:
    labelled = label(np.concatenate([POINTS, BEHIND]), big_endian)
    before, after = labelled.message, labelled_message(labelled, COLOURS)
    assert after.header == before.header
    assert (after.height, after.width, after.is_bigendian, after.is_dense) == (1, 5, big_endian, True)
    assert [(field.name, field.datatype) for field in after.fields[-3:]] == [
        ("label", PointField.UINT32),
        ("confidence", PointField.FLOAT32),
        ("rgb", PointField.FLOAT32),
    ]
    old, new = read_cloud(before)[0], read_cloud(after)[0]
    for name in old.dtype.names:
        np.testing.assert_array_equal(new[name], old[name])
    assert new["label"].tolist() == [*LABELS[ROWS, COLUMNS], IGNORE]
    np.testing.assert_allclose(new["confidence"], np.array([*CONFIDENCE[ROWS, COLUMNS], 0]) / 255, rtol=1e-6)
    packed = new["rgb"].astype(np.float32).view(np.uint32)
    red, green, blue = COLOURS[new["label"]].astype(np.uint32).T
    np.testing.assert_array_equal(packed, red << 16 | green << 8 | blue)


def test_labels_without_confidence_are_certain() -> None:
    new = read_cloud(labelled_message(label(POINTS, picture=LabelledPicture(labels_message(), None)), COLOURS))[0]
    assert new["confidence"].tolist() == [1.0] * 4


def test_an_empty_cloud_stays_empty() -> None:
    message = labelled_message(label(np.zeros((0, 3))), COLOURS)
    assert (message.width, len(message.data), len(message.fields)) == (0, 0, 8)


def test_an_aligned_cloud_has_the_nearest_point_of_every_pixel_in_the_cameras_frame() -> None:
    nearer = pixel_points(COLUMNS[:1], ROWS[:1], np.array([3.0]))
    message = aligned_message(label(np.concatenate([nearer, POINTS]), gap_deg=0.0), PICTURE, POSE, COLOURS)
    assert message.header == PICTURE.header
    points = read_cloud(message)
    assert points.shape == LABELS.shape
    has = np.isfinite(points["z"])
    assert sorted(zip(*map(list, np.nonzero(has)))) == sorted(zip(ROWS.tolist(), COLUMNS.tolist()))
    np.testing.assert_allclose(points["z"][ROWS, COLUMNS], [3, 5, 6, 7], rtol=1e-5)
    np.testing.assert_allclose(points["x"][ROWS, COLUMNS] * 50 / points["z"][ROWS, COLUMNS] + 31.5, COLUMNS, atol=1e-3)
    np.testing.assert_array_equal(points["label"], LABELS)
    np.testing.assert_allclose(points["confidence"], CONFIDENCE / 255, rtol=1e-6)


def test_registered_depth_gives_every_pixel_its_point() -> None:
    millimetres = np.linspace(500, 9000, LABELS.size).astype(np.uint16).reshape(LABELS.shape)
    millimetres[3, 4] = 0
    labels = LABELS.copy()
    labels[7, 8] = IGNORE
    picture = LabelledPicture(labels_message(stamp_s=4, labels=labels), labels_message(labels=CONFIDENCE))
    depth = image_message(millimetres, "16UC1", stamp_s=5)
    message = aligned_depth_message(depth, picture, info_message(), 0.001, COLOURS)
    assert message.header == picture.header
    points = read_cloud(message)
    nothing = np.argwhere(~np.isfinite(points["z"])).tolist()
    assert nothing == [[3, 4], [7, 8]], "no depth, and no label"
    np.testing.assert_allclose(points["z"][10], millimetres[10] * 0.001, rtol=1e-6)
    np.testing.assert_array_equal(points["label"], labels)


def test_what_does_not_fit_says_so() -> None:
    small = labels_message(labels=LABELS[:20, :30].copy())
    wrong_info = info_message()
    wrong_info.width = 640
    colour = image_message(np.zeros((48, 64, 3), np.uint8), "rgb8")
    tried = {
        "the labels are 64x48 and the confidence is 30x20": {"picture": LabelledPicture(labels_message(), small)},
        "the camera_info is for 64x48, the labels are 30x20": {"picture": LabelledPicture(small, small)},
        "the camera_info is for 640x48, the labels are 64x48": {"info": wrong_info},
        "labels are 'rgb8': they have to be mono8": {"picture": LabelledPicture(colour, None)},
    }
    for words, arguments in tried.items():
        with pytest.raises(InputError, match=re.escape(words)):
            label(POINTS, **arguments)
    with pytest.raises(InputError, match="the depth image is for 30x20 pixels, the labels are 64x48: register"):
        depth = image_message(np.full((20, 30), 2000, np.uint16), "16UC1")
        aligned_depth_message(depth, PICTURE, info_message(), 0.001, COLOURS)
