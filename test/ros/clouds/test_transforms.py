# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Where a cloud is seen from: by tf2_ros, of which a stand-in is tested here, or by a parameter."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from geometry_msgs.msg import TransformStamped
from std_msgs.msg import Header

from madm_ros.clouds.pairing import stamp_ns
from madm_ros.clouds.transforms import MissingError, make_lookup

CLOUD, PICTURE = Header(frame_id="lidar"), Header(frame_id="camera_optical")
CLOUD.stamp.sec, PICTURE.stamp.sec = 5, 6


class TransformException(Exception):
    """As tf2_ros'."""


class Buffer:
    """What is used of tf2_ros.Buffer, with its signatures."""

    known = True
    asked: ClassVar[list[tuple]] = []

    def __init__(self) -> None:
        self.stamps: list[int] = []

    def set_transform(self, transform: TransformStamped, authority: str) -> None:
        """As tf2's TimeCache: nothing is kept that is ten seconds older than the newest."""
        stamp = stamp_ns(transform)
        oldest = max(self.stamps, default=stamp) - 10_000_000_000
        self.stamps = [one for one in [*self.stamps, stamp] if one >= oldest]

    def clear(self) -> None:
        self.stamps.clear()

    def lookup_transform_full(
        self,
        target_frame: str,
        target_time: Any,
        source_frame: str,
        source_time: Any,
        fixed_frame: str,
    ) -> TransformStamped:
        return self._answer(target_frame, target_time.nanoseconds, source_frame, source_time.nanoseconds, fixed_frame)

    def lookup_transform(self, target_frame: str, source_frame: str, time: Any) -> TransformStamped:
        if self.stamps and not min(self.stamps) <= time.nanoseconds <= max(self.stamps):
            raise TransformException("Lookup would require extrapolation into the past.")
        return self._answer(target_frame, source_frame, time.nanoseconds)

    def _answer(self, *asked: Any) -> TransformStamped:
        Buffer.asked.append(asked)
        if not Buffer.known:
            raise TransformException('"lidar" passed to lookupTransform argument source_frame does not exist.')
        found = TransformStamped()
        found.transform.translation.x = 0.25
        turn = found.transform.rotation
        turn.x, turn.y, turn.z, turn.w = 0.5, -0.5, 0.5, 0.5
        return found


@pytest.fixture
def tf(monkeypatch: pytest.MonkeyPatch) -> type[Buffer]:
    """A stand-in for tf2_ros."""

    class TransformListener:
        def __init__(self, buffer: Buffer, node: Any) -> None:
            self.buffer = Buffer.made = buffer

    module = SimpleNamespace(Buffer=Buffer, TransformListener=TransformListener, TransformException=TransformException)
    monkeypatch.setitem(sys.modules, "tf2_ros", module)
    monkeypatch.setattr(Buffer, "asked", [])
    monkeypatch.setattr(Buffer, "known", True)
    return Buffer


@pytest.fixture
def no_tf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)


def test_tf_is_asked_for_both_moments(tf: type[Buffer]) -> None:
    pose = make_lookup(None, "", "odom")(CLOUD, PICTURE)
    assert tf.asked == [("camera_optical", 6_000_000_000, "lidar", 5_000_000_000, "odom")]
    np.testing.assert_allclose(pose @ [1.0, 0, 0, 1], [0.25, 0, 1, 1], atol=1e-12)


def test_without_a_fixed_frame_motion_does_not_count(tf: type[Buffer]) -> None:
    lookup = make_lookup(None, "", "")
    np.testing.assert_array_equal(lookup(PICTURE, PICTURE), np.eye(4))
    lookup(CLOUD, PICTURE)
    assert tf.asked == [("camera_optical", "lidar", 6_000_000_000)]


def test_transforms_are_known_again_whenever_a_bag_begins_anew(tf: type[Buffer]) -> None:
    lookup, picture = make_lookup(None, "", ""), Header(frame_id="camera_optical")
    transform = TransformStamped(child_frame_id="base")
    for first in (1000, 1000, 500):
        for second in range(first, first + 30):
            for stamp in (second, second - 0.5):  # a little out of order, which is no new beginning
                transform.header.stamp.sec, transform.header.stamp.nanosec = int(stamp), int(stamp % 1 * 1e9)
                tf.made.set_transform(transform, "bag")
            picture.stamp.sec = second
            lookup(CLOUD, picture)
        picture.stamp.sec -= 9
        lookup(CLOUD, picture)


def test_what_tf_does_not_know_is_told_with_both_frames(tf: type[Buffer]) -> None:
    lookup = make_lookup(None, "", "odom")
    tf.known = False
    with pytest.raises(MissingError, match=r"TF does not tell where lidar is in camera_optical: .*does not exist"):
        lookup(CLOUD, PICTURE)


def test_a_parameter_comes_before_tf(tf: type[Buffer]) -> None:
    pose = make_lookup(None, "0 0 1 0 0 0", "odom")(CLOUD, PICTURE)
    np.testing.assert_array_equal(pose[:, 3], [0, 0, 1, 1])
    assert not tf.asked


def test_without_tf2_a_parameter_is_asked_for_where_the_frames_differ(no_tf: None) -> None:
    lookup = make_lookup(None, "", "odom")
    np.testing.assert_array_equal(lookup(PICTURE, PICTURE), np.eye(4))
    with pytest.raises(MissingError, match="set static_transform to where lidar is in camera_optical"):
        lookup(CLOUD, PICTURE)
