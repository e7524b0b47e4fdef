# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""What the cloud label node is asked for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from madm_model.geometry.poses import parse_pose
from madm_model.settings import settings


@settings
class CloudLabelConfig:
    """Inputs, and how they fit together; fixed once the node runs."""

    input: Literal["cloud", "depth"] = "cloud"
    """What has the geometry: cloud, a PointCloud2 of any sensor on the topic cloud; depth, a depth image on the topic
    depth that is registered to the labels, pixel for pixel."""
    use_confidence: bool = True
    """Take the topic confidence, too; false: every label is certain."""
    rectified: bool = False
    """The pictures that were labelled are rectified (image_rect): P of the camera_info counts; false: K and the
    distortion."""
    max_interval_s: Annotated[float, Field(ge=0.001, le=10)] = 0.1
    """The stamps of a cloud and the labels on it are nearer than this, seconds."""
    queue_size: Annotated[int, Field(ge=1, le=1000)] = 20
    """Clouds that wait for their labels: as many as come while the network works."""
    static_transform: str = ""
    """Where the cloud's frame is in the camera's optical frame, "x y z roll pitch yaw" or "x y z qx qy qz qw" in metres
    and radians; empty: TF tells."""
    fixed_frame: str = "odom"
    """Frame of TF in which the world stands still: by it the robot's motion between the two stamps counts. Empty: it
    does not."""
    transform_wait_s: Annotated[float, Field(ge=0, le=10)] = 0.2
    """How long a cloud waits for its transform, seconds."""
    depth_unit_m: Annotated[float, Field(ge=1e-6, le=1)] = 0.001
    """Metres per count of a 16-bit depth image; REP 118 says one millimetre."""

    def __post_init__(self) -> None:
        if self.static_transform:
            try:
                parse_pose(self.static_transform)
            except ValueError as error:
                raise ValueError(f"static_transform: {error}") from None
