# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What labels on a cloud cost, by lens and by how many of its points lie in the picture.

    python -m madm_ros.tools.cloud_bench

From two messages to a third, without DDS, in one thread: processor time of reading the cloud, labelling it and writing
the one with labels. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import time

import cv2
import numpy as np
from sensor_msgs.msg import CameraInfo, PointCloud2, PointField
from std_msgs.msg import Header

from madm_model.geometry.occlusion import OcclusionConfig
from madm_model.geometry.poses import parse_pose
from madm_ros.clouds.labelling import LabelledPicture, cloud_message, label_cloud
from madm_ros.image_conversion import to_image_message

LENSES = {
    "no distortion": ("plumb_bob", [0.0] * 5),
    "plumb_bob": ("plumb_bob", [-0.3, 0.1, 0.001, -0.001, 0.02]),
    "rational_polynomial": ("rational_polynomial", [-0.3, 0.1, 0.001, -0.001, 0.02, 0.1, 0.02, 0.001]),
    "equidistant": ("equidistant", [-0.02, 0.01, -0.003, 0.0005]),
}
_WIDTH, _HEIGHT = 640, 480
_LIDAR_IN_CAMERA = "0.1 -0.5 -0.4 0.5 -0.5 0.5 0.5"


def _cloud(points: int, side: float) -> PointCloud2:
    """A LiDAR's cloud with 32 bytes a point, up to `side` radians to either side."""
    rng = np.random.default_rng(0)
    around, up, distance = rng.uniform(-side, side, points), rng.uniform(-0.4, 0.1, points), rng.uniform(2, 60, points)
    data = np.zeros((points, 8), np.float32)
    data[:, 0] = distance * np.cos(up) * np.cos(around)
    data[:, 1] = distance * np.cos(up) * np.sin(around)
    data[:, 2] = distance * np.sin(up)
    message = PointCloud2(height=1, width=points, point_step=32, row_step=32 * points, data=data.tobytes())
    message.fields = [
        PointField(name=name, offset=offset, datatype=PointField.FLOAT32, count=1)
        for name, offset in (("x", 0), ("y", 4), ("z", 8), ("intensity", 16))
    ]
    return message


def measure(points: int = 100_000, repeat: int = 30) -> list[str]:
    """The table's lines: milliseconds, the median of some runs."""
    cv2.setNumThreads(1)
    labels = np.random.default_rng(1).integers(0, 9, (_HEIGHT, _WIDTH), np.uint8)
    image = to_image_message(labels, "mono8", Header())
    picture, to_camera = LabelledPicture(image, image), parse_pose(_LIDAR_IN_CAMERA)
    colours = np.zeros((256, 3), np.uint8)
    rows = [f"| {points} points, ms | all in the picture | all around |", "| --- | --- | --- |"]
    for lens, (model, d) in LENSES.items():
        info = CameraInfo(width=_WIDTH, height=_HEIGHT, distortion_model=model, d=d)
        info.k = [400.0, 0.0, 319.5, 0.0, 400.0, 239.5, 0.0, 0.0, 1.0]
        cells = []
        for side in (0.5, np.pi):
            cloud, seconds = _cloud(points, side), []
            for _ in range(repeat):
                began = time.thread_time()
                cloud_message(label_cloud(cloud, picture, info, False, to_camera, OcclusionConfig()), colours)
                seconds.append(time.thread_time() - began)
            cells.append(f"{1000 * statistics.median(seconds):.1f}")
        rows.append(f"| {lens} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m madm_ros.tools.cloud_bench", description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=100_000, help="of the cloud")
    parser.add_argument("--repeat", type=int, default=30, help="runs of each kind; the median counts")
    options = parser.parse_args()
    print("\n".join(measure(options.points, options.repeat)))


if __name__ == "__main__":
    main()
