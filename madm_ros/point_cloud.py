"""The labelled point cloud as sensor_msgs/PointCloud2."""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from madm_ros.cloud_geometry import POINT_DTYPE

try:
    from sensor_msgs_py import point_cloud2
except ImportError:  # not on PyPI; part of every ROS installation
    point_cloud2 = None

AVAILABLE = point_cloud2 is not None
"""Whether point clouds can be made here."""

_DATATYPES = {np.dtype(np.float32): PointField.FLOAT32, np.dtype(np.uint32): PointField.UINT32}

POINT_FIELDS = [
    PointField(name=name, offset=offset, datatype=_DATATYPES[dtype], count=1)
    for name, (dtype, offset) in POINT_DTYPE.fields.items()
]


def to_cloud_message(points: np.ndarray, header: Header) -> PointCloud2:
    """Make an organised PointCloud2 (height x width as the image, rows in order) of `labelled_points`."""
    height, width = points.shape
    # sensor_msgs_py takes the first axis of a 2-D array for the width: give it one axis, then say the shape.
    cloud = point_cloud2.create_cloud(header, POINT_FIELDS, points.reshape(-1))
    cloud.height, cloud.width, cloud.row_step = height, width, width * cloud.point_step
    return cloud
