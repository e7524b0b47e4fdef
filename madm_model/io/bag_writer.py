# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Write mcap bags that `ros2 bag` reads, and make the messages that go into them."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rosbags.interfaces import Connection
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer, WriterError

from madm_model.io import durable
from madm_model.io.bag_storage import BagError, learn_type, standard_types
from madm_model.io.names import check_name
from madm_model.io.raw_message import RawMessage, Topic

# Version 8 writes QoS profiles as text, which Humble reads too; 9 is for Jazzy and later alone.
_METADATA_VERSION: Literal[8] = 8

_PIXELS = {
    "mono8": (np.uint8, 1),
    "8UC1": (np.uint8, 1),
    "mono16": (np.uint16, 1),
    "16UC1": (np.uint16, 1),
    "32FC1": (np.float32, 1),
    "rgb8": (np.uint8, 3),
    "bgr8": (np.uint8, 3),
}


class BagWriter:
    """Write a rosbag2 folder with one zstd-compressed mcap file.

    Everything is written to a hidden folder beside the target, which gets its name on a clean close: under the final
    name lies a whole bag or nothing. After an exception in the `with` block nothing is kept.
    """

    def __init__(self, path: str | Path) -> None:
        """Start a bag.

        Args:
            path: the folder to make; its parent is made if missing.

        Raises:
            BagError: the path exists already or cannot be written to.
            InputError: its name is not UTF-8.
        """
        check_name(path)
        self.path = Path(path).absolute()
        if self.path.exists():
            raise BagError(f"{self.path} exists already: choose another name or remove it")
        self._types = standard_types()
        self._connections: dict[str, Connection] = {}
        self._partial: Path | None = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._partial = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.partial-", dir=self.path.parent))
            # rosbags names the file after the folder, hence the right name inside the temporary folder.
            self._writer = Writer(
                self._partial / self.path.name, version=_METADATA_VERSION, storage_plugin=StoragePlugin.MCAP
            )
            self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
            self._writer.open()
        except OSError as error:
            self._remove_partial()
            raise self._error(error) from None

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *details: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, topic: str, msg: Any, stamp_ns: int) -> None:
        """Append a message.

        Args:
            topic: name with its leading slash.
            msg: a rosbags message of a standard type, as `make_image_message` makes.
            stamp_ns: time of recording, nanoseconds.

        Raises:
            BagError: the disk is full or cannot be written to; nothing of the bag is kept.
        """
        data = self._types.serialize_cdr(msg, msg.__msgtype__)
        self._append(Topic(topic, msg.__msgtype__, 0, ""), data, stamp_ns)

    def copy(self, raw: RawMessage) -> None:
        """Append a message of another bag as it is.

        Raises:
            BagError: as `write`; or its type is unknown, because it is no standard one and its bag does not define it.
        """
        self._append(raw.topic, raw.data, raw.stamp_ns)

    @property
    def bytes_on_disk(self) -> int:
        """Size of the file so far: up to a megabyte and a message wait in memory until they are compressed."""
        if self._partial is None:
            return 0
        return (self._partial / self.path.name / f"{self.path.name}.mcap").stat().st_size

    def close(self) -> None:
        """Finish the bag, bring it to the disk and give it its name.

        Raises:
            BagError: the disk is full or cannot be written to; nothing of the bag is kept.
        """
        if self._partial is None:
            return
        try:
            self._writer.close()
            durable.publish(self._partial / self.path.name, self.path)
            self._partial.rmdir()
            self._partial = None
        except OSError as error:
            self.abort()
            raise self._error(error) from None

    def abort(self) -> None:
        """Throw away what was written."""
        if self._partial is not None:
            with contextlib.suppress(OSError):  # flushing to a full disk fails once more
                self._writer.abort()
            self._remove_partial()

    def _append(self, topic: Topic, data: bytes | memoryview, stamp_ns: int) -> None:
        if self._partial is None:
            raise BagError(f"{self.path} is closed: nothing can be written to it any more")
        try:
            connection = self._connections.get(topic.name)
            if connection is None:
                learn_type(self._types, topic)
                connection = self._writer.add_connection(topic.name, topic.type, typestore=self._types)
                self._connections[topic.name] = connection
            elif connection.msgtype != topic.type:
                raise BagError(f"topic {topic.name} holds {connection.msgtype}, {topic.type} does not fit into it")
            self._writer.write(connection, stamp_ns, data)
        except OSError as error:
            self.abort()
            raise self._error(error) from None
        except WriterError as error:
            raise BagError(f"{self.path} cannot be written: {error}") from None

    def _remove_partial(self) -> None:
        if self._partial is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial = None

    def _error(self, error: OSError) -> BagError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return BagError(f"no space left for {self.path} ({error.strerror}): free some and start again")
        return BagError(f"{self.path} cannot be written ({error.strerror or error}): check the folder's permissions")


def make_image_message(array: np.ndarray, encoding: str, stamp_ns: int, frame_id: str) -> Any:
    """Make a sensor_msgs/Image for `BagWriter`, rows without padding (step = bytes of a row).

    Args:
        array: (H, W) or (H, W, 3) of the encoding's type; any strides.
        encoding: mono8, 8UC1, mono16, 16UC1, 32FC1, rgb8 or bgr8. The array is taken to be in this channel order.
        stamp_ns: time of capture, nanoseconds.
        frame_id: coordinate frame of the sensor.

    Raises:
        ValueError: the array does not fit the encoding.
    """
    if encoding not in _PIXELS:
        raise ValueError(f"encoding '{encoding}' is not one of {', '.join(_PIXELS)}")
    element, channels = _PIXELS[encoding]
    if array.dtype != element or array.ndim != (2 if channels == 1 else 3) or array.shape[2:] not in ((), (channels,)):
        raise ValueError(f"an array of {array.dtype} {array.shape} does not fit encoding {encoding}")
    types = standard_types().types
    little_endian = array.astype(np.dtype(element).newbyteorder("<"), copy=False)
    pixels = np.ascontiguousarray(little_endian)
    return types["sensor_msgs/msg/Image"](
        header=_header(stamp_ns, frame_id),
        height=array.shape[0],
        width=array.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=array.shape[1] * channels * np.dtype(element).itemsize,
        data=pixels.reshape(-1).view(np.uint8),
    )


def make_camera_info_message(width: int, height: int, camera_matrix: np.ndarray, stamp_ns: int, frame_id: str) -> Any:
    """Make a sensor_msgs/CameraInfo of an undistorted camera.

    Args:
        width: columns in pixels.
        height: rows in pixels.
        camera_matrix: K, (3, 3), in pixels.
        stamp_ns: time of capture, nanoseconds.
        frame_id: coordinate frame of the camera.
    """
    types = standard_types().types
    matrix = np.asarray(camera_matrix, np.float64).reshape(3, 3)
    return types["sensor_msgs/msg/CameraInfo"](
        header=_header(stamp_ns, frame_id),
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=matrix.reshape(-1).copy(),
        r=np.eye(3).reshape(-1),
        p=np.hstack((matrix, np.zeros((3, 1)))).reshape(-1),
        binning_x=0,
        binning_y=0,
        roi=types["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False),
    )


def make_point_cloud_message(points: np.ndarray, stamp_ns: int, frame_id: str) -> Any:
    """Make a sensor_msgs/PointCloud2 for `BagWriter`, not organised.

    Args:
        points: structured (N,), little endian; each field is float32 or uint16.
        stamp_ns: time of the sweep, nanoseconds.
        frame_id: coordinate frame of the sensor.
    """
    types = standard_types().types
    numbers = {"float32": 7, "uint16": 4}
    fields = [
        types["sensor_msgs/msg/PointField"](name=name, offset=offset, datatype=numbers[kind.name], count=1)
        for name, (kind, offset) in points.dtype.fields.items()
    ]
    return types["sensor_msgs/msg/PointCloud2"](
        header=_header(stamp_ns, frame_id),
        height=1,
        width=len(points),
        fields=fields,
        is_bigendian=False,
        point_step=points.itemsize,
        row_step=points.nbytes,
        data=np.frombuffer(points.tobytes(), np.uint8),
        is_dense=True,
    )


def _header(stamp_ns: int, frame_id: str) -> Any:
    types = standard_types().types
    stamp = types["builtin_interfaces/msg/Time"](sec=stamp_ns // 1_000_000_000, nanosec=stamp_ns % 1_000_000_000)
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)
