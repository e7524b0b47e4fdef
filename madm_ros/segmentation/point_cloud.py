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
