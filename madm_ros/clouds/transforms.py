# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Where a cloud is seen from: by TF where a distribution brings tf2_ros, else by a transform that a parameter tells."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import Header

from madm_model.geometry.poses import parse_pose, pose_matrix
from madm_ros.clouds.pairing import JUMP_S, stamp_ns

Lookup = Callable[[Header, Header], np.ndarray]
"""From the header of a cloud and that of a picture to float64 (4, 4): from the cloud's frame at its time to the
picture's frame at its time. Raises `MissingError`."""


class MissingError(Exception):
    """What a cloud needs is not known, or not yet; the message says in one sentence why and what to do."""


def make_lookup(node: Node, static_transform: str, fixed_frame: str) -> Lookup:
    """How transforms are found.

    Args:
        node: listens to /tf and /tf_static.
        static_transform: of the cloud's frame in the camera's, as `parse_pose` reads it; empty: TF tells.
        fixed_frame: frame in which the world stands still, such as odom; empty: the robot's motion between the two
            stamps does not count.

    Raises:
        ValueError: static_transform is no transform.
    """
    if static_transform:
        pose = parse_pose(static_transform)
        return lambda cloud, picture: pose
    try:
        import tf2_ros
    except ImportError:
        return _without_tf

    class LoopingBuffer(tf2_ros.Buffer):
        """Begins anew where time does: tf2's own drops what is ten seconds older than the newest, for good."""

        def __init__(self) -> None:
            super().__init__()
            self._newest: dict[str, int] = {}

        def set_transform(self, transform: TransformStamped, authority: str) -> None:
            """Take a transform of /tf."""
            stamp, frame = stamp_ns(transform), transform.child_frame_id
            if stamp < self._newest.get(frame, stamp) - JUMP_S * 1e9:
                self._newest.clear()
                self.clear()  # those of /tf_static stay: tf2's StaticCache::clearList does nothing
            self._newest[frame] = max(stamp, self._newest.get(frame, stamp))
            super().set_transform(transform, authority)

    listener = tf2_ros.TransformListener(LoopingBuffer(), node)

    def from_tf(cloud: Header, picture: Header) -> np.ndarray:
        if cloud.frame_id == picture.frame_id and not fixed_frame:
            return np.eye(4)
        cloud_time, picture_time = Time.from_msg(cloud.stamp), Time.from_msg(picture.stamp)
        try:
            if fixed_frame:
                found = listener.buffer.lookup_transform_full(
                    picture.frame_id, picture_time, cloud.frame_id, cloud_time, fixed_frame
                )
            else:
                found = listener.buffer.lookup_transform(picture.frame_id, cloud.frame_id, picture_time)
        except tf2_ros.TransformException as error:
            raise MissingError(f"TF does not tell where {cloud.frame_id} is in {picture.frame_id}: {error}") from None
        place, turn = found.transform.translation, found.transform.rotation
        return pose_matrix((place.x, place.y, place.z), (turn.x, turn.y, turn.z, turn.w))

    return from_tf


def _without_tf(cloud: Header, picture: Header) -> np.ndarray:
    if cloud.frame_id == picture.frame_id:
        return np.eye(4)
    raise MissingError(
        f"tf2_ros is not installed, so set static_transform to where {cloud.frame_id} is in {picture.frame_id}, "
        "such as '0.1 -0.3 0 0.5 -0.5 0.5 0.5'"
    )
