# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""The labelled point cloud as sensor_msgs/PointCloud2."""

from __future__ import annotations

import sys
from array import array

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from madm_ros.segmentation.cloud_geometry import POINT_DTYPE

_DATATYPES = {np.dtype(np.float32): PointField.FLOAT32, np.dtype(np.uint32): PointField.UINT32}

POINT_FIELDS = [
    PointField(name=name, offset=offset, datatype=_DATATYPES[dtype], count=1)
    for name, (dtype, offset) in POINT_DTYPE.fields.items()
]


def to_cloud_message(points: np.ndarray, header: Header) -> PointCloud2:
    """Make an organised PointCloud2 (height x width as the image, rows in order) of `labelled_points`.

    Args:
        points: `POINT_DTYPE` (H, W).
        header: goes into the message as it is.
    """
    height, width = points.shape
    step = POINT_DTYPE.itemsize
    cloud = PointCloud2(header=header, height=height, width=width, fields=POINT_FIELDS)
    cloud.point_step, cloud.row_step, cloud.is_bigendian = step, width * step, sys.byteorder == "big"
    cloud.is_dense = bool(np.isfinite(points["z"]).all())
    # rclpy checks every element of anything but an array.array.
    cloud.data = array("B", points.tobytes())
    return cloud
