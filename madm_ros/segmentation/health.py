# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Gathers what the report says of a node's network and of its frames."""

from __future__ import annotations

from dataclasses import replace

from madm_ros.segmentation.diagnostics import NodeHealth, gpu_bytes
from madm_ros.segmentation.following_segmenter import FollowingSegmenter
from madm_ros.segmentation.pipeline import FramePipeline
from madm_ros.sharing.camera_queue import CameraQueue
from madm_ros.sharing.shared_networks import NetworkShare


def with_network(health: NodeHealth, share: NetworkShare) -> NodeHealth:
    """A node's health, with what its network is and where it comes from."""
    segmenter = share.segmenter
    following = segmenter if isinstance(segmenter, FollowingSegmenter) else None
    return replace(
        health,
        model=segmenter.config.name,
        runtime=segmenter.runtime,
        cameras=share.network.cameras,
        gpu_bytes=gpu_bytes(segmenter.device),
        store=following.folder if following else "",
        version=following.version if following else "",
        trouble=following.trouble if following else "",
    )


def with_frames(health: NodeHealth, pipeline: FramePipeline, queue: CameraQueue) -> NodeHealth:
    """A node's health, with what became of the frames since it is active."""
    statistics = pipeline.statistics
    return replace(
        health,
        fps=statistics.fps(),
        timings=statistics.timings(),
        since_last_s=statistics.since_last_s(),
        dropped=queue.dropped,
        skipped=queue.skipped + statistics.unwanted,
        idle=statistics.idle(),
        has_reference=pipeline.shift.reference is not None,
        unlabelled=statistics.unlabelled,
        unlabelled_s=statistics.unlabelled_s(),
    )
