# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Point clouds as sensor_msgs/PointCloud2 has them: any layout, any byte order.

Messages are read by their fields alone, so those of rclpy and of rosbags both work, and neither is imported here.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from madm_model.io.frames import FrameError

FLOAT32, FLOAT64, UINT32 = 7, 8, 6
"""PointField's numbers of these types."""
_AXES = {FLOAT32: "f4", FLOAT64: "f8"}
_APPENDED = {"f4": FLOAT32, "u4": UINT32}


@dataclass(frozen=True)
class CloudField:
    """One field of a point, as PointField."""

    name: str
    """What it is."""
    offset: int
    """Bytes from the point's begin."""
    datatype: int
    """PointField's number of its type."""
    count: int = 1
    """Elements."""


@dataclass(frozen=True)
class ExtendedCloud:
    """A cloud with more fields."""

    fields: list[CloudField]
    """All of a point's."""
    point_step: int
    """Bytes of a point; rows are not padded."""
    data: array[int]
    """The bytes of all points."""


def decode_points(msg: Any) -> np.ndarray:
    """Read the coordinates of a cloud.

    Args:
        msg: fields of sensor_msgs/PointCloud2; x, y and z may be float32 or float64, at any place of a point.

    Returns:
        float32 (3, N), or float64 where one of them is; row by row where the cloud is organised.

    Raises:
        FrameError: it has no x, y or z, or its sizes contradict its data or each other.
    """
    named = {field.name: field for field in msg.fields}
    wrong = [axis for axis in "xyz" if axis not in named or named[axis].datatype not in _AXES]
    if wrong:
        has = ", ".join(named) or "none"
        raise FrameError(f"the cloud has no {', '.join(wrong)} of float32 or float64 among its fields ({has})")
    layout = _layout(msg)
    types = [_AXES[named[axis].datatype] for axis in "xyz"]
    points = np.empty((3, *layout.shape), np.float64 if "f8" in types else np.float32)
    for axis, kind, out in zip("xyz", types, points):
        if named[axis].offset + int(kind[1]) > msg.point_step:
            raise FrameError(
                f"the cloud's {axis} lies outside of its points of {msg.point_step} bytes: the driver errs"
            )
        if out.size:  # a view of the message, wherever its numbers lie
            np.copyto(out, np.ndarray(layout.shape, layout.order + kind, msg.data, named[axis].offset, layout.strides))
    return points.reshape(3, -1)


def with_fields(msg: Any, added: Mapping[str, np.ndarray], replaced: tuple[str, ...] = ()) -> ExtendedCloud:
    """The same points, each with more fields behind its own.

    Args:
        msg: a cloud that `decode_points` has read.
        added: name to float32 or uint32 (N,); they are written in the cloud's byte order.
        replaced: names of fields that are no longer told; those of `added` are not in any case.
    """
    layout = _layout(msg)
    old = -(-msg.point_step // 4) * 4
    step, count = old + 4 * len(added), layout.shape[0] * layout.shape[1]
    # What rclpy takes without a look at every element; it is filled in place, for copies are most of the time.
    data = array("B", [0]) * (count * step)
    if count:
        point = f"V{msg.point_step}"
        points = np.ndarray(layout.shape, point, data, 0, (layout.shape[1] * step, step))
        points[:] = np.ndarray(layout.shape, point, msg.data, 0, layout.strides)
    fields = [
        CloudField(field.name, field.offset, field.datatype, field.count)
        for field in msg.fields
        if field.name not in added and field.name not in replaced
    ]
    for place, (name, values) in enumerate(added.items()):
        offset, kind = old + 4 * place, values.dtype.str[1:]
        fields.append(CloudField(name, offset, _APPENDED[kind]))
        if count:
            np.ndarray((count,), layout.order + kind, data, offset, (step,))[:] = values
    return ExtendedCloud(fields, step, data)


@dataclass(frozen=True)
class _Layout:
    """Where the points of a message lie in its data."""

    shape: tuple[int, int]
    """Rows and columns."""
    strides: tuple[int, int]
    """Bytes from row to row and from point to point."""
    order: str
    """numpy's sign of the byte order."""


def _layout(msg: Any) -> _Layout:
    height, width, step, row = int(msg.height), int(msg.width), int(msg.point_step), int(msg.row_step)
    if height == 1:  # some drivers leave row_step at 0 there
        row = max(row, width * step)
    if step == 0 or row < width * step:
        raise FrameError(
            f"{width} points of {step} bytes do not fit into a row_step of {row}: the cloud's size fields are wrong"
        )
    if len(msg.data) < height * row:
        raise FrameError(
            f"the cloud has {len(msg.data)} bytes but height x row_step is {height} x {row} = {height * row}: "
            "the message was cut short or its size fields are wrong"
        )
    return _Layout((height, width), (row, step), ">" if msg.is_bigendian else "<")
