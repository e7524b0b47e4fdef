# SPDX-License-Identifier: Apache-2.0
# Copyright 2026 Seed e23eb31b maintainers
# Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in compliance with
# the License. You may obtain a copy of the License at http://www.apache.org/licenses/LICENSE-2.0
# Unless required by applicable law or agreed to in writing, software distributed under the License is distributed on
# an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied. See the License for the
# specific language governing permissions and limitations under the License.
"""Parameters given at start: whole numbers for floats are taken, what makes no sense is refused by its name."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="ROS 2's rclpy is not installed")

from rclpy.parameter import Parameter
from ros_helpers import FakeSegmenter

from madm_model.model_config import ModelError
from madm_model.store import StoreError
from madm_ros.adapt.server import AdaptServer
from madm_ros.events.frame_node import EventFrameNode
from madm_ros.segmentation.following_segmenter import open_segmenter
from madm_ros.segmentation.node import SegmentationNode


@pytest.fixture
def start(ros):
    """Function that makes a node with parameters; it is destroyed at the end."""
    made: list[Any] = []

    def make(kind: type, **values: Any) -> Any:
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        made.append(kind(parameter_overrides=overrides, use_global_arguments=False))
        return made[-1]

    yield make
    for node in made:
        node.destroy_node()


@pytest.mark.parametrize(
    ("kind", "name", "given"),
    [
        (SegmentationNode, "thermal.fixed_max", 16000),
        (SegmentationNode, "confidence_threshold", 0),
        (EventFrameNode, "edges.period_s", 1),
        (EventFrameNode, "max_delay_s", 2),
    ],
)
def test_whole_numbers_are_taken_for_floats_at_start_and_later(start, kind, name: str, given: int) -> None:
    node = start(kind, **{name: given})
    assert node.get_parameter(name).type_ == Parameter.Type.DOUBLE
    assert node.get_parameter(name).value == given
    if hasattr(node, "add_pre_set_parameters_callback"):
        (result,) = node.set_parameters([Parameter(name, value=1)])
        assert result.successful
        assert node.get_parameter(name).type_ == Parameter.Type.DOUBLE


def test_the_servers_whole_numbers_are_taken_for_floats(start, robot: Path) -> None:
    values = {"store": str(robot / "store"), "model": str(robot / "base"), "thermal.fixed_max": 16000}
    node = start(AdaptServer, gpu_memory_share=1, **values)
    assert node.get_parameter("gpu_memory_share").value == 1.0
    assert node.get_parameter("thermal.fixed_max").type_ == Parameter.Type.DOUBLE


@pytest.mark.parametrize(
    ("kind", "name", "given", "words"),
    [
        (
            SegmentationNode,
            "thermal.gain",
            "foo",
            "thermal.gain is 'foo': it has to be one of percentile",
        ),
        (SegmentationNode, "modality", "sonar", "modality is 'sonar': it has to be one of thermal"),
        (SegmentationNode, "thermal.fixed_min", 60000.0, "fixed_min"),
        (EventFrameNode, "edges.mode", "foo", "mode is 'foo'"),
        (AdaptServer, "modality", "sonar", "modality is 'sonar'"),
        (AdaptServer, "precision", "int8", "precision is 'int8'"),
        (AdaptServer, "thermal.gain", "foo", "gain is 'foo': it has to be 'percentile'"),
    ],
)
def test_values_that_make_no_sense_are_refused_by_name(start, kind, name: str, given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        start(kind, **{name: given})


def test_a_server_without_a_base_or_a_store_to_write_to_does_not_start(start, robot: Path) -> None:
    with pytest.raises(ModelError, match="nowhere is not a model folder"):
        start(AdaptServer, store=str(robot / "store"), model=str(robot / "nowhere"))
    (robot / "file").write_text("")
    with pytest.raises(StoreError, match="file cannot be written"):
        start(AdaptServer, store=str(robot / "file"), model=str(robot / "base"))


def test_a_server_with_a_read_only_store_does_not_start(start, robot: Path, monkeypatch) -> None:
    (robot / "store").mkdir()
    real_open = os.open

    def read_only(path: Any, flags: int, *mode: int) -> int:  # modes would not keep root out
        if Path(path).parent == robot / "store" and flags & os.O_CREAT:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        return real_open(path, flags, *mode)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(StoreError, match=r"store cannot be written \(Read-only file system\): check the folder's"):
        start(AdaptServer, store=str(robot / "store"), model=str(robot / "base"))


def test_a_store_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file: it has to be a folder of model versions"):
        open_segmenter("model", str(tmp_path / "file"), lambda _: FakeSegmenter(), print, print)
